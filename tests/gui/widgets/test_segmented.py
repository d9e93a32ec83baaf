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
