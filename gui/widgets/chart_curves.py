"""Draws one curve of a chart: each step faintly, the running average strongly, or dashes with points."""

import numpy as np
import pyqtgraph as pg
from PySide6.QtCore import Qt

from gui import theme
from gui.widgets.chart_series import Array, Axis, Series
from gui.widgets.chart_spec import FAINT, Curve

SMOOTH_EDGES = 900
"""Points from which the faint line is too dense for smooth edges to be seen; they cost most of the painting."""


class CurveItem:
    """The pyqtgraph items of one curve and the numbers behind them."""

    def __init__(self, plot: pg.PlotItem, curve: Curve, smoothing: float) -> None:
        self.curve = curve
        self.series = Series(smoothing)
        self._raw = pg.PlotCurveItem(antialias=True)
        self._main = pg.PlotCurveItem(antialias=True)
        self._points = pg.ScatterPlotItem(size=8)
        self._raw.setZValue(1)
        self._main.setZValue(3)
        self._points.setZValue(4)
        for item in (self._raw, self._main, self._points):
            plot.addItem(item, ignoreBounds=True)
        self.dress()

    def dress(self) -> None:
        """Take the colours of the theme."""
        tokens = theme.current()
        colour = getattr(tokens, self.curve.role)
        self._raw.setPen(pg.mkPen(theme.colour(colour, FAINT), width=1))
        style = Qt.PenStyle.DashLine if self.curve.dashed else Qt.PenStyle.SolidLine
        self._main.setPen(pg.mkPen(theme.colour(colour), width=2, style=style))
        self._points.setPen(pg.mkPen(tokens.card, width=1.5))
        self._points.setBrush(pg.mkBrush(colour))

    def draw(self, axis: Axis, low: float, high: float, is_log: bool) -> tuple[float, float]:
        """Show what lies between two places; the lowest and highest value to make room for, NaN without any."""
        first, last = self.series.window(axis, low, high)
        x, y = self.series.raw_line(axis, first, last)
        y = _scaled(y, is_log)
        if not self.curve.smooth:
            _set(self._main, x, y)
            if self.curve.dashed:
                is_finite = np.isfinite(y)
                self._points.setData(x[is_finite], y[is_finite])
            return _extent(y)
        self._raw.opts["antialias"] = len(y) < SMOOTH_EDGES
        _set(self._raw, x, y)
        smooth_x, smooth_y = self.series.smooth_line(axis, first, last)
        smooth_y = _scaled(smooth_y, is_log)
        _set(self._main, smooth_x, smooth_y)
        return _joined(_extent(_without_outliers(y)), _extent(smooth_y))


def _set(item: pg.PlotCurveItem, x: Array, y: Array) -> None:
    is_whole = bool(np.isfinite(y).all())
    item.setData(x, y, connect="all" if is_whole else "finite", skipFiniteCheck=is_whole)


def _scaled(values: Array, is_log: bool) -> Array:
    if not is_log:
        return values
    return np.log10(values, out=np.full(len(values), np.nan), where=values > 0)


def _extent(values: Array) -> tuple[float, float]:
    finite = values[np.isfinite(values)]
    return (float(finite.min()), float(finite.max())) if len(finite) else (np.nan, np.nan)


def _without_outliers(values: Array) -> Array:
    """A single wild step must not press the whole curve flat: cut what lies far outside the middle."""
    finite = values[np.isfinite(values)]
    if len(finite) < 50:
        return finite
    low, high = np.percentile(finite, (1, 99))
    room = 0.35 * (high - low)
    return np.clip(finite, low - room, high + room)


def _joined(first: tuple[float, float], second: tuple[float, float]) -> tuple[float, float]:
    return float(np.fmin(first[0], second[0])), float(np.fmax(first[1], second[1]))
