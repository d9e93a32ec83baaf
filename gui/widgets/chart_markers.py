"""Vertical dotted lines at steps worth knowing, with a word; words that would overlap wait for the hover box."""

from dataclasses import dataclass

import pyqtgraph as pg
from PySide6.QtCore import Qt

from gui import theme


@dataclass(frozen=True)
class Marker:
    """What happened at a step; `tone` is good, warn, bad or "" for the quiet line of a checkpoint."""

    step: float
    text: str
    tone: str = ""


class Markers:
    """The lines and words of one chart."""

    def __init__(self, plot: pg.PlotItem) -> None:
        self._plot = plot
        self._items: dict[float, tuple[Marker, pg.InfiniteLine, pg.TextItem]] = {}

    def put(self, marker: Marker) -> None:
        """Add a marker; another one at the same step is replaced."""
        self.drop_from(marker.step, only=True)
        line = pg.InfiniteLine(angle=90, movable=False)
        line.setZValue(2)
        words = pg.TextItem(anchor=(0, 0))
        words.setZValue(5)
        self._plot.addItem(line, ignoreBounds=True)
        self._plot.addItem(words, ignoreBounds=True)
        self._items[marker.step] = (marker, line, words)
        self.dress()

    def drop_from(self, step: float, only: bool = False) -> None:
        """Take away the markers from a step on, or the one at exactly that step."""
        for place in [p for p in self._items if (p == step if only else p >= step)]:
            _, line, words = self._items.pop(place)
            self._plot.removeItem(line)
            self._plot.removeItem(words)

    def near(self, step: float, reach: float) -> Marker | None:
        """The marker within `reach` steps, None where there is none."""
        found = [marker for marker, _, _ in self._items.values() if abs(marker.step - step) <= reach]
        return min(found, key=lambda marker: abs(marker.step - step), default=None)

    def dress(self) -> None:
        """Take the colours of the theme."""
        tokens = theme.current()
        for marker, line, words in self._items.values():
            colour = getattr(tokens, marker.tone) if marker.tone else tokens.dashed
            line.setPen(pg.mkPen(colour, width=1, style=Qt.PenStyle.DotLine))
            words.setText(marker.text, color=theme.colour(getattr(tokens, marker.tone or "muted")))
            words.setFont(theme.font(11, "medium"))
            words.fill = pg.mkBrush(tokens.card)
            words.border = pg.mkPen(tokens.line)

    def place(self, place_of: "dict[float, float]", top: float, pixel: float) -> None:
        """Move everything: x by step, the height of the words, and the width of a pixel on the x axis."""
        free_until = float("-inf")
        for step in sorted(self._items):
            _, line, words = self._items[step]
            x = place_of[step]
            line.setPos(x)
            words.setPos(x, top)
            has_room = bool(words.toPlainText()) and x >= free_until
            words.setVisible(has_room)
            if has_room:
                free_until = x + (words.boundingRect().width() + 6) * pixel

    def has_words(self) -> bool:
        """Whether any marker has words."""
        return any(marker.text for marker, _, _ in self._items.values())

    def steps(self) -> list[float]:
        """The steps that have a marker, in order."""
        return sorted(self._items)
