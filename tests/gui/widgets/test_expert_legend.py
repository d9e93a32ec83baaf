from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.theme.experts import OTHER
from gui.widgets.expert_legend import ALL, REST, ExpertLegend, places_of


def test_few_experts_keep_their_colours_and_of_many_the_busiest_have_one():
    assert places_of([5, 0, 9, 1]) == [0, 1, 2, 3]
    many = [0, 9, 1, 8, 2, 7, 3, 6, 4, 5]
    assert places_of(many) == [OTHER, 0, OTHER, 1, 7, 2, 6, 3, 5, 4]
    assert places_of([0] * 10)[:3] == [0, 1, 2]  # a tie goes to the lower number


def test_each_expert_has_a_chip_that_says_its_share(qapp):
    legend = ExpertLegend()
    legend.set_counts([3, 0, 1, 0])
    assert [chip.accessibleName() for chip in legend.chips.values()] == [
        f"Expert {n}: first choice of {share} % of the answer's tokens"
        for n, share in ((1, 75), (2, 0), (3, 25), (4, 0))
    ]


def test_of_many_experts_the_rest_stand_together(qapp):
    legend = ExpertLegend()
    legend.set_counts([1, 2, 2, 2, 2, 2, 2, 2, 2, 1, 1, 1])
    assert list(legend.chips) == [1, 2, 3, 4, 5, 6, 7, 8, REST]
    assert (
        legend.chips[REST].accessibleName()
        == "The other experts: first choice of 20 % of the answer's tokens"
    )


def test_a_press_shows_one_expert_alone_and_another_press_all_again(qapp):
    legend, chosen = ExpertLegend(), []
    legend.set_counts([3, 1])
    legend.chosen.connect(chosen.append)
    legend.show()
    QTest.keyClick(legend.chips[1], Qt.Key.Key_Space)
    assert legend.chips[1].isChecked()
    QTest.mouseClick(legend.chips[0], Qt.MouseButton.LeftButton)
    assert (legend.chips[0].isChecked(), legend.chips[1].isChecked()) == (True, False)
    legend.set_counts([4, 1])  # more of the answer came
    assert legend.chips[0].isChecked()
    QTest.mouseClick(legend.chips[0], Qt.MouseButton.LeftButton)
    assert chosen == [1, 0, ALL]
