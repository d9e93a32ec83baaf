"""Two bars below one another: how one layer's experts share the tokens of two prompts."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme
from gui.theme.experts import OTHER, expert_ground

_LEAD = 20
_GAP = 3


class ShareBars(QWidget):
    """`shares` are those of the first prompt and of the second by expert, `places` the experts' grounds.

    A part that has room says its expert and share; the accessible name says all of them.
    """

    def __init__(
        self,
        shares: tuple[Sequence[float], Sequence[float]],
        places: Sequence[int],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._shares, self._places = shares, places
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        rows = (self.tr("Prompt A: "), self.tr("Prompt B: "))
        parts = [
            lead + ", ".join(f"{n + 1}: {share * 100:.0f} %" for n, share in enumerate(row) if share)
            for lead, row in zip(rows, shares, strict=True)
        ]
        self.setAccessibleName(self.tr("Shares by expert. ") + ". ".join(parts))

    def sizeHint(self) -> QSize:
        return QSize(320, 2 * self._height() + _GAP)

    def minimumSizeHint(self) -> QSize:
        return QSize(160, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        for row, (letter, shares) in enumerate(zip("AB", self._shares, strict=True)):
            top = row * (self._height() + _GAP)
            painter.setFont(theme.font(12, "semibold"))
            painter.setPen(theme.colour(theme.current().muted))
            painter.drawText(QRectF(0, top, _LEAD, self._height()), Qt.AlignmentFlag.AlignVCenter, letter)
            self._paint_row(painter, QRectF(_LEAD, top, self.width() - _LEAD, self._height()), shares)

    def _paint_row(self, painter: QPainter, area: QRectF, shares: Sequence[float]) -> None:
        path = QPainterPath()
        path.addRoundedRect(area, 4, 4)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(area, theme.colour(theme.current().track))
        font = theme.font(11, "medium")
        metrics = QFontMetrics(font)
        painter.setFont(font)
        left = area.left()
        for expert, place, share in self._parts(shares):
            part = QRectF(left, area.top(), share * area.width(), area.height())
            painter.fillRect(part, theme.colour(expert_ground(place)))
            painter.fillRect(
                QRectF(part.right() - 1, part.top(), 1, part.height()), theme.colour(theme.current().card)
            )
            words = self._words(expert, share, part.width() - 8, metrics)
            painter.setPen(theme.colour(theme.current().text))
            painter.drawText(part, Qt.AlignmentFlag.AlignCenter, words)
            left = part.right()
        painter.restore()

    def _parts(self, shares: Sequence[float]) -> list[tuple[int, int, float]]:
        """(expert, ground, share) from left to right: the same order in both bars, the rest together at the end."""
        own = [(n, place, shares[n]) for n, place in enumerate(self._places) if place != OTHER]
        own.sort(key=lambda part: part[1])
        rest = sum(share for share, place in zip(shares, self._places, strict=True) if place == OTHER)
        return [part for part in [*own, (-1, OTHER, rest)] if part[2] > 0]

    def _words(self, expert: int, share: float, room: float, metrics: QFontMetrics) -> str:
        number = str(expert + 1) if expert >= 0 else self.tr("others")
        for words in (f"{number}  {share * 100:.0f} %", number):
            if metrics.horizontalAdvance(words) <= room:
                return words
        return ""

    def _height(self) -> int:
        return theme.scaled(18)
