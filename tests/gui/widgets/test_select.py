from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from gui.widgets.select import Select


def test_the_keyboard_chooses_and_announces_the_value():
    select = Select([("adamw", "AdamW"), ("sgd", "Plain")], "adamw", "Way of correcting")
    select.show()
    heard = []
    select.changed.connect(heard.append)
    QTest.keyClick(select, Qt.Key.Key_Down)
    assert select.value() == "sgd"
    assert heard == ["sgd"]


def test_setting_is_silent_and_unknown_values_are_empty():
    select = Select([("a", "A"), ("b", "B")])
    heard = []
    select.changed.connect(heard.append)
    select.set_value("b")
    assert (select.value(), heard) == ("b", [])
    select.set_value("zzz")
    assert select.value() == ""


def test_the_wheel_over_a_page_does_not_change_it():
    select = Select([("a", "A"), ("b", "B")], "a")
    select.show()
    select.clearFocus()
    no = Qt.MouseButton.NoButton, Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase
    QApplication.sendEvent(
        select, QWheelEvent(QPointF(5, 5), QPointF(5, 5), QPoint(), QPoint(0, -120), *no, False)
    )
    assert select.value() == "a"


def test_options_can_be_replaced():
    select = Select([("a", "A")])
    select.set_options([("x", "X"), ("y", "Y")], "y")
    assert select.value() == "y"
