"""Coloured dots with words, for charts and histograms."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme

_LEAD = 17
_GAP = 14


class Legend(QWidget):
    """`entries` are (words, token role, strength 0..1) triples."""

    def __init__(self, entries: Sequence[tuple[str, str, float]] = (), parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._entries = tuple(entries)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_entries(self, entries: Sequence[tuple[str, str, float]]) -> None:
        """Replace all entries."""
        self._entries = tuple(entries)
        self.setAccessibleName(", ".join(words for words, _, _ in entries))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font(12))
        width = sum(_LEAD + metrics.horizontalAdvance(words) + _GAP for words, _, _ in self._entries)
        return QSize(max(0, width - _GAP) + 2, metrics.height() + 2)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.current()
        font = theme.font(12)
        metrics = QFontMetrics(font)
        painter.setFont(font)
        left, middle = 0.0, self.height() / 2
        for words, role, strength in self._entries:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(getattr(tokens, role), strength))
            painter.drawEllipse(QRectF(left + 1, middle - 4.5, 9, 9))
            painter.setPen(theme.colour(tokens.muted))
            room = QRectF(left + _LEAD, 0, self.width() - left - _LEAD, self.height())
            shown = metrics.elidedText(words, Qt.TextElideMode.ElideRight, int(room.width()))
            painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, shown)
            left += _LEAD + metrics.horizontalAdvance(words) + _GAP
