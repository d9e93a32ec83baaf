import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from gui.widgets.slider import ValueSlider


def test_the_middle_of_a_logarithmic_slider_is_the_geometric_mean():
    slider = ValueSlider(1e-6, 1e-2, 1e-4, logarithmic=True)
    assert slider.slider().value() == 500
    slider.slider().setValue(250)
    assert slider.value() == pytest.approx(1e-5)


def test_the_middle_of_a_linear_slider_is_the_mean():
    slider = ValueSlider(0.0, 1.0, 0.9)
    slider.slider().setValue(500)
    assert slider.value() == pytest.approx(0.5)


def test_a_typed_value_may_lie_between_two_steps():
    slider = ValueSlider(8, 1024, 512, whole=True)
    heard = []
    slider.changed.connect(heard.append)
    box = slider._box
    box.selectAll()
    QTest.keyClicks(box, "333")
    QTest.keyClick(box, Qt.Key.Key_Return)
    assert heard == [333]
    assert slider.value() == 333


def test_moving_announces_and_shows_whole_numbers():
    slider = ValueSlider(1, 8, 4, whole=True, box=False, show="{:.0f} of 8".format)
    heard = []
    slider.changed.connect(heard.append)
    slider.slider().setValue(1000)
    assert heard == [8]
    assert slider._shown.text() == "8 of 8"


def test_setting_a_value_is_silent_and_narrower_limits_cut_it():
    slider = ValueSlider(8, 4096, 2048, whole=True)
    heard = []
    slider.changed.connect(heard.append)
    slider.set_range(8, 1024)
    assert slider.value() == 1024
    assert heard == []
