import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.segmented import Segmented


@pytest.fixture
def segmented():
    made = Segmented([("quick", "Quick"), ("standard", "Standard"), ("thorough", "Thorough")], "standard")
    made.show()
    return made


def test_it_starts_with_the_current_value(segmented):
    assert segmented.value() == "standard"
    assert segmented.button("standard").isChecked()


def test_the_first_is_chosen_unless_one_is_named():
    assert Segmented([("a", "A"), ("b", "B")]).value() == "a"


def test_a_click_announces_once(segmented):
    heard = []
    segmented.changed.connect(heard.append)
    for _ in range(2):
        QTest.mouseClick(segmented.button("thorough"), Qt.MouseButton.LeftButton)
    assert heard == ["thorough"]


def test_arrow_keys_choose_the_neighbour(segmented):
    heard = []
    segmented.changed.connect(heard.append)
    segmented.activateWindow()
    assert QTest.qWaitForWindowActive(segmented)
    segmented.button("standard").setFocus()
    QTest.keyClick(segmented.button("standard"), Qt.Key.Key_Right)
    assert segmented.value() == "thorough"
    QTest.keyClick(segmented.button("thorough"), Qt.Key.Key_Left)
    QTest.keyClick(segmented.button("standard"), Qt.Key.Key_Left)
    assert heard == ["thorough", "standard", "quick"]


def test_setting_a_value_is_silent(segmented):
    heard = []
    segmented.changed.connect(heard.append)
    segmented.set_value("quick")
    assert segmented.value() == "quick"
    assert heard == []


def test_labels_change_and_changed_groups_get_a_dot(segmented):
    segmented.set_label("quick", "Quick, 4 min")
    segmented.set_marked("quick", True)
    assert segmented.button("quick").text() == "Quick, 4 min  •"
    segmented.set_marked("quick", False)
    assert segmented.button("quick").text() == "Quick, 4 min"


def test_options_can_be_replaced(segmented):
    segmented.set_options([("loss", "Loss"), ("rate", "Learning rate")], "rate")
    assert segmented.value() == "rate"
    QTest.mouseClick(segmented.button("loss"), Qt.MouseButton.LeftButton)
    assert segmented.value() == "loss"


def test_other_words_for_the_same_choices_keep_buttons_and_focus(segmented):
    buttons = [segmented.button(value) for value in ("quick", "standard", "thorough")]
    buttons[0].setEnabled(False)
    segmented.set_options([("quick", "7 s"), ("standard", "20 s"), ("thorough", "39 s")], "quick")
    assert [segmented.button(value) for value in ("quick", "standard", "thorough")] == buttons
    assert [button.text() for button in buttons] == ["7 s", "20 s", "39 s"]
    assert segmented.options()[0] == ("quick", "7 s")
    assert segmented.value() == "quick"
    assert buttons[0].isEnabled()


def test_other_choices_have_their_room_at_once(segmented):
    before = segmented.sizeHint().width()
    segmented.set_options(
        [("quick", "Quick"), ("standard", "Standard"), ("long", "Thorough"), ("own", "16 steps")]
    )
    assert segmented.sizeHint().width() > before
