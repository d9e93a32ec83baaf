import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.choice_card import ChoiceCard
from gui.widgets.choice_group import ChoiceGroup
from gui.widgets.radio_row import RadioRow
from tests.gui.waiting import rest


@pytest.fixture(params=[ChoiceCard, RadioRow], ids=["cards", "rows"])
def group(request):
    made = ChoiceGroup(3, "Which part of the model changes?")
    for value in ("lora", "dora", "full"):
        made.add(value, request.param(value.upper(), "One sentence."))
    made.set_value("lora")
    made.resize(700, 200)
    made.show()
    made.activateWindow()
    assert QTest.qWaitForWindowActive(made)
    return made


@pytest.fixture
def heard(group):
    values = []
    group.changed.connect(values.append)
    return values


def test_a_click_chooses_one_and_lets_go_of_the_other(group, heard):
    QTest.mouseClick(group.choice("dora"), Qt.MouseButton.LeftButton)
    assert group.value() == "dora"
    assert heard == ["dora"]
    assert [group.choice(v).isChecked() for v in ("lora", "dora", "full")] == [False, True, False]


def test_a_second_click_keeps_the_choice(group, heard):
    for _ in range(2):
        QTest.mouseClick(group.choice("dora"), Qt.MouseButton.LeftButton)
    assert group.choice("dora").isChecked()
    assert heard == ["dora"]


def test_a_blocked_choice_stays_unchosen_and_says_why(group, heard):
    group.choice("full").set_blocked("Needs 9.4 GB, 6.1 GB free.")
    QTest.mouseClick(group.choice("full"), Qt.MouseButton.LeftButton)
    assert group.value() == "lora"
    assert heard == []
    assert group.choice("lora").isChecked()
    assert "Needs 9.4 GB" in group.choice("full").accessibleDescription()


def test_a_freed_choice_can_be_chosen(group, heard):
    group.choice("full").set_blocked("No.")
    group.choice("full").set_blocked("")
    QTest.mouseClick(group.choice("full"), Qt.MouseButton.LeftButton)
    assert heard == ["full"]


def test_arrow_keys_move_and_choose_but_only_stop_at_blocked_ones(group, heard):
    group.choice("dora").set_blocked("Not for this model.")
    group.choice("lora").setFocus()
    QTest.keyClick(group.choice("lora"), Qt.Key.Key_Right)
    assert group.choice("dora").hasFocus()
    assert group.value() == "lora"
    QTest.keyClick(group.choice("dora"), Qt.Key.Key_Right)
    assert group.value() == "full"
    QTest.keyClick(group.choice("full"), Qt.Key.Key_Right)
    assert heard == ["full", "lora"]


def test_space_chooses_the_focused_one(group, heard):
    group.choice("full").setFocus()
    QTest.keyClick(group.choice("full"), Qt.Key.Key_Space)
    assert heard == ["full"]


def test_hidden_choices_close_up(group):
    group.set_shown("dora", False)
    group.layout().activate()
    assert not group.choice("dora").isVisible()
    assert group.choice("full").x() < 350
    group.set_shown("dora", True)
    group.layout().activate()
    assert group.choice("full").x() > 350


def test_setting_a_value_is_silent(group, heard):
    group.set_value("full")
    assert group.value() == "full"
    assert heard == []


def test_cards_of_a_short_row_are_as_wide_as_those_of_a_full_one(qapp):
    widths = []
    for count in (2, 4):
        group = ChoiceGroup(4)
        for number in range(count):
            group.add(str(number), ChoiceCard(f"Card {number}", "term", "Sentence."))
        group.resize(1000, 200)
        group.show()
        rest()
        widths.append(group.choice("0").width())
    assert widths[0] == widths[1]
