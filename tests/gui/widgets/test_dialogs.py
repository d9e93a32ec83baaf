from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest

from gui.widgets.dialogs import ConfirmDialog, ShortcutDialog
from gui.widgets.labels import Label

ANSWERS = [
    ("cancel", "Cancel", "secondary"),
    ("stop", "Stop and save", "danger"),
    ("keep", "Keep training", "primary"),
]


def _ask(act):
    dialog = ConfirmDialog("Training is running", "What should happen?", ANSWERS)
    QTimer.singleShot(0, lambda: act(dialog))
    return dialog.ask()


def test_the_answer_is_the_pressed_buttons_value():
    assert _ask(lambda dialog: QTest.mouseClick(dialog.buttons["stop"], Qt.MouseButton.LeftButton)) == "stop"


def test_enter_takes_the_last_answer():
    assert _ask(lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Return)) == "keep"


def test_escape_takes_none():
    assert _ask(lambda dialog: QTest.keyClick(dialog, Qt.Key.Key_Escape)) == ""


def test_shortcuts_are_listed_with_their_keys():
    dialog = ShortcutDialog([("Pages", [("Model", "Ctrl+1"), ("Train", "Ctrl+4")])])
    texts = [label.text() for label in dialog.findChildren(Label)]
    assert texts[1:4] == ["Pages", "Model", "Ctrl+1"]
