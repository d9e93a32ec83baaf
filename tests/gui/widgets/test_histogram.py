import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest

from gui import theme
from gui.widgets.histogram import Histogram


@pytest.fixture
def histogram():
    made = Histogram("Row lengths")
    made.set_series([("Rows", [1, 4, 9, 4, 1, 0, 0, 1], "accent")], 0, 800)
    made.set_cut(500)
    made.resize(416, 150)
    made.show()
    return made


def _x(value):
    return 8 + round(value / 800 * 400)


def test_dragging_moves_the_cut_and_letting_go_chooses_it(histogram):
    moved, chosen = [], []
    histogram.cut_moved.connect(moved.append)
    histogram.cut_chosen.connect(chosen.append)
    QTest.mousePress(histogram, Qt.MouseButton.LeftButton, pos=QPoint(_x(400), 80))
    QTest.mouseMove(histogram, QPoint(_x(600), 80))
    assert chosen == []
    QTest.mouseRelease(histogram, Qt.MouseButton.LeftButton, pos=QPoint(_x(600), 80))
    assert moved[-1] == 600
    assert chosen == [600]
    assert histogram.cut() == 600


def test_the_cut_stays_within_its_limits(histogram):
    histogram.set_cut(500, smallest=64)
    QTest.mouseClick(histogram, Qt.MouseButton.LeftButton, pos=QPoint(0, 80))
    assert histogram.cut() == 64
    QTest.mouseClick(histogram, Qt.MouseButton.LeftButton, pos=QPoint(415, 80))
    assert histogram.cut() == 800


def test_arrow_keys_move_the_cut(histogram):
    chosen = []
    histogram.cut_chosen.connect(chosen.append)
    QTest.keyClick(histogram, Qt.Key.Key_Left)
    QTest.keyClick(histogram, Qt.Key.Key_Right)
    assert chosen == [500 - 12, 500]
    assert "500" in histogram.accessibleName()


def test_without_a_cut_nothing_can_be_dragged(histogram):
    histogram.set_cut(None)
    moved = []
    histogram.cut_moved.connect(moved.append)
    QTest.mouseClick(histogram, Qt.MouseButton.LeftButton, pos=QPoint(100, 80))
    assert moved == []
    assert histogram.focusPolicy() == Qt.FocusPolicy.NoFocus


def test_bars_behind_the_cut_are_faint(histogram):
    image = histogram.grab().toImage()
    assert image.pixelColor(_x(250), 120).name() == theme.LIGHT.accent
    assert image.pixelColor(_x(750), 128).name() != theme.LIGHT.accent


def test_no_rows_at_all_draw_an_empty_axis():
    empty = Histogram()
    empty.set_series([("Rows", [], "accent")], 0, 0)
    empty.resize(200, 120)
    assert not empty.grab().isNull()
