from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui import theme
from gui.widgets.switch import Switch


def _knob_is_right(switch):
    image = switch.grab().toImage()
    middle = image.height() // 2
    return image.pixelColor(image.width() - 11, middle).name() == theme.LIGHT.card


def test_it_is_drawn_on_when_it_starts_on():
    assert _knob_is_right(Switch("x", is_on=True))
    assert not _knob_is_right(Switch("x"))


def test_space_toggles_it_and_the_knob_slides():
    switch = Switch("Work offline")
    switch.show()
    heard = []
    switch.toggled.connect(heard.append)
    QTest.keyClick(switch, Qt.Key.Key_Space)
    QTest.qWait(250)
    assert heard == [True]
    assert _knob_is_right(switch)


def test_it_shows_a_value_that_was_set_while_signals_were_blocked():
    switch = Switch("x")
    switch.blockSignals(True)
    switch.setChecked(True)
    switch.blockSignals(False)
    assert _knob_is_right(switch)


def test_it_has_a_name():
    assert Switch("Work offline").accessibleName() == "Work offline"
