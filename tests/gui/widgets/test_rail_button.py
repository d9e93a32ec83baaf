import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui import theme
from gui.widgets.rail_button import RailButton


@pytest.mark.parametrize(
    ("mark", "words"), [("done", "done"), ("attention", "needs attention"), ("busy", "working"), ("", "")]
)
def test_the_state_is_spoken(mark, words):
    button = RailButton("Data", "database")
    button.set_mark(mark)
    assert button.mark() == mark
    assert button.accessibleDescription() == words


def test_only_a_busy_mark_turns():
    button = RailButton("Train", "activity")
    button.set_mark("busy")
    assert button._timer.isActive()
    button.set_mark("done")
    assert not button._timer.isActive()


def test_the_open_page_has_the_accents_ground():
    button = RailButton("Train", "activity")
    button.resize(180, 34)
    button.setChecked(True)
    assert button.grab().toImage().pixelColor(30, 5).name() == theme.LIGHT.accent_soft


def test_the_keyboard_presses_it():
    button = RailButton("Train", "activity")
    button.show()
    heard = []
    button.clicked.connect(lambda: heard.append("train"))
    QTest.keyClick(button, Qt.Key.Key_Space)
    assert heard == ["train"]
