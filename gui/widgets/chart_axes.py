"""The axes of a chart, and the view that zooms and pans along x only."""

import math

import pyqtgraph as pg

from gui import theme
from gui.widgets.chart_words import place_words, tick_words

Ticks = list[tuple[float, list[float]]]
_CLOCK_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 43200, 86400)


class PlaceAxis(pg.AxisItem):
    """The x axis: steps, tokens or seconds."""

    def __init__(self) -> None:
        super().__init__("bottom")
        self.kind = "step"
        dress_axis(self)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> Ticks:  # noqa: N803 (pyqtgraph's names)
        if self.kind != "seconds":
            ticks: Ticks = super().tickValues(minVal, maxVal, size)
            return ticks
        wanted = (maxVal - minVal) / max(2.0, size / 110)
        spacing = next((step for step in _CLOCK_STEPS if step >= wanted), _CLOCK_STEPS[-1])
        first, last = math.ceil(minVal / spacing), math.floor(maxVal / spacing)
        stride = max(1, (last - first) // 12)
        return [(float(spacing), [float(spacing * tick) for tick in range(first, last + 1, stride)])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        return ["" if value < 0 else place_words(value, self.kind) for value in values]


class ValueAxis(pg.AxisItem):
    """The y axis; on a logarithmic scale its coordinates are decimal logarithms, its labels the values."""

    def __init__(self, is_share: bool) -> None:
        super().__init__("left")
        self.is_share = is_share
        self.is_log = False
        self.setWidth(theme.scaled(46))
        dress_axis(self)

    def tickValues(self, minVal: float, maxVal: float, size: float) -> Ticks:  # noqa: N803 (pyqtgraph's names)
        if not self.is_log:
            ticks: Ticks = super().tickValues(minVal, maxVal, size)
            return ticks
        low, high = 10**minVal, 10**maxVal
        decades = range(math.floor(minVal), math.ceil(maxVal) + 1)
        round_ones = [digit * 10.0**power for power in decades for digit in (1, 2, 5)]
        shown = [value for value in round_ones if low <= value <= high]
        if len(shown) < 3:
            shown = [value for value in super().tickValues(low, high, size)[0][1] if value > 0]
        return [(0.0, [math.log10(value) for value in shown])]

    def tickStrings(self, values: list[float], scale: float, spacing: float) -> list[str]:
        if self.is_log:
            return [_log_words(10**value, self.is_share) for value in values]
        return [tick_words(value, spacing, self.is_share) for value in values]


def dress_axis(axis: pg.AxisItem) -> None:
    """Colours and font of the theme."""
    tokens = theme.current()
    axis.setStyle(
        tickLength=0, maxTickLevel=0, tickTextOffset=8, tickFont=theme.font(12), autoExpandTextSpace=False
    )
    axis.setPen(pg.mkPen(tokens.line, width=1))
    axis.setTextPen(pg.mkPen(tokens.muted))


def _log_words(value: float, is_share: bool) -> str:
    digits = 0 if value <= 0 else 10.0 ** math.floor(math.log10(value) + 1e-9)
    is_round = digits and math.isclose(value / digits, round(value / digits), rel_tol=1e-6)
    return tick_words(value, digits if is_round else digits / 10, is_share)
