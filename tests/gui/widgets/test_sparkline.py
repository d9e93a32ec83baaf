import math

from gui.widgets.sparkline import Sparkline


def _drawn(line):
    image = line.grab().toImage()
    ground = image.pixel(0, 0)
    every = [(x, y) for x in range(image.width()) for y in range(image.height())]
    xs = [x for x, y in every if image.pixel(x, y) != ground]
    return (min(xs), max(xs)) if xs else None


def test_the_line_fills_its_place():
    line = Sparkline([1.0, 1.0], "accent")
    line.resize(90, 22)
    low, high = _drawn(line)
    assert low <= 5
    assert high >= 84


def test_gaps_and_too_few_values_draw_what_there_is():
    line = Sparkline([math.nan, 1.0, math.inf, 1.0], "accent")
    line.resize(90, 22)
    assert _drawn(line)
    line.set_values([1.0])
    assert _drawn(line) is None
