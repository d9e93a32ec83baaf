"""A horizontal line worth knowing, such as "50 % is guessing", with its words at the right end."""

import math
from collections.abc import Sequence

import pyqtgraph as pg
from PySide6.QtCore import Qt

from gui import theme

_ROOM = 0.2
"""The part of the height that the words need below the line."""


class Guide:
    """The line of one chart; without a value it draws nothing."""

    def __init__(self, plot: pg.PlotItem, value: float | None, words: str) -> None:
        self.value: float | None = None
        self._plot, self._words = plot, words
        self._line = pg.InfiniteLine(0.0, angle=0)
        self._label = pg.TextItem(anchor=(1, 0))
        self.move_to(value)
        self.dress()

    def move_to(self, value: float | None) -> None:
        """Stand at another value; the first one draws the line."""
        if self.value is None and value is not None:
            self._plot.addItem(self._line, ignoreBounds=True)
            self._plot.addItem(self._label, ignoreBounds=True)
        self.value = value if value is not None else self.value

    def dress(self) -> None:
        """Take the colours of the theme."""
        tokens = theme.current()
        self._line.setPen(pg.mkPen(tokens.muted, width=1, style=Qt.PenStyle.DashLine))
        self._label.setText(self._words, color=theme.colour(tokens.muted))
        self._label.setFont(theme.font(11))
        self._label.fill = pg.mkBrush(theme.colour(tokens.card, 0.85))

    def place(self, right: float, shown: Sequence[float], is_log: bool) -> None:
        """Move the words to the right end of the view, below the line or, near the lower end of what is shown, above.

        A logarithmic axis has no place for zero and below.
        """
        if self.value is None:
            return
        can_show = not is_log or self.value > 0
        height = math.log10(self.value) if is_log and can_show else self.value
        self._line.setVisible(can_show)
        self._label.setVisible(can_show and bool(self._words))
        self._line.setPos(height)
        is_low = height - shown[0] < _ROOM * (shown[1] - shown[0])
        self._label.setAnchor((1, 1 if is_low else 0))
        self._label.setPos(right, height)
