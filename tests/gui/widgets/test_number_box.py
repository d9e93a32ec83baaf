import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from gui.widgets.number_box import NumberBox


def _type(box, text):
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, Qt.Key.Key_Return)


@pytest.fixture
def box():
    made = NumberBox(2e-4, 0.0, 1.0)
    made.show()
    made.heard, made.reasons = [], []
    made.changed.connect(made.heard.append)
    made.refused.connect(made.reasons.append)
    return made


def test_it_shows_and_takes_scientific_notation(box):
    assert box.text() == "2e-4"
    _type(box, "3e-5")
    assert box.value() == 3e-5
    assert box.heard == [3e-5]


def test_the_same_number_is_not_announced(box):
    _type(box, "0.0002")
    assert box.heard == []
    assert box.text() == "2e-4"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("lots", "“lots” is not a number."),
        ("2", "The largest value is 1.0."),
        ("-1", "The smallest value is 0.0."),
    ],
)
def test_what_cannot_be_taken_is_refused_with_a_reason(box, text, reason):
    _type(box, text)
    assert box.reasons == [reason]
    assert box.value() == 2e-4
    assert box.property("invalid") is True
    _type(box, "0.5")
    assert box.property("invalid") is False


def test_arrow_keys_step_by_the_leading_digit(box):
    QTest.keyClick(box, Qt.Key.Key_Up)
    assert box.value() == pytest.approx(3e-4)
    for _ in range(3):
        QTest.keyClick(box, Qt.Key.Key_Down)
    assert box.value() == pytest.approx(9e-5)


def test_steps_stop_at_the_limits():
    box = NumberBox(9, 1, 10, whole=True)
    box.step(5)
    assert box.value() == 10
    box.step(-50)
    assert box.value() == 1


def test_a_click_on_an_arrow_steps():
    box = NumberBox(16, 1, 64, whole=True)
    box.show_arrows()
    box.resize(92, 32)
    box.show()
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(84, 6))
    assert box.value() == 17
    QTest.mouseClick(box, Qt.MouseButton.LeftButton, pos=QPoint(84, 26))
    assert box.value() == 16


def test_the_auto_word_stands_for_no_number():
    box = NumberBox(None, 1, whole=True, auto="auto")
    box.show()
    heard = []
    box.changed.connect(heard.append)
    assert box.text() == "auto"
    _type(box, "4")
    _type(box, "Auto")
    assert heard == [4, None]
    assert box.value() is None


def test_setting_a_value_is_silent(box):
    box.set_value(0.1)
    assert box.text() == "0.1"
    assert box.heard == []
