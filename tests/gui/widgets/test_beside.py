from PySide6.QtWidgets import QLabel

from gui.widgets.beside import Beside
from tests.gui.waiting import rest


def test_two_stand_beside_each_other_where_both_have_their_room(qapp):
    first, second = QLabel("one"), QLabel("two")
    both = Beside(first, second, (1, 2), (100, 200), gap=10)
    for width, is_beside in ((310, True), (309, False), (600, True)):
        both.resize(width, 200)
        both.show()
        rest()
        assert both.is_beside is is_beside
        assert (first.y() == second.y()) is is_beside
    assert abs(second.width() - 2 * first.width()) <= 10
    assert both.minimumSizeHint().width() < 100  # it may become narrow again
    both.set_apart(True)
    rest()
    assert not both.is_beside
    assert first.width() == both.width()
