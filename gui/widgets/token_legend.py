"""What the grounds of the token view mean."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme
from gui.widgets.token_layout import Piece
from gui.widgets.token_view import paint_piece

_GAP = 14


class TokenLegend(QWidget):
    """`is_preference` names chosen and rejected tokens instead of trained ones."""

    def __init__(self, is_preference: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)
        self.set_preference(is_preference)

    def set_preference(self, is_preference: bool) -> None:
        """Explain the kinds of preference rows, or those of rows with one answer."""
        prompt = (self.tr("prompt"), "prompt", self.tr("read only"))
        trained = (self.tr("trained"), "trained", self.tr("learned from"))
        chosen = (self.tr("chosen"), "trained", self.tr("made more likely"))
        rejected = (self.tr("rejected"), "rejected", self.tr("made less likely"))
        rest = [
            (self.tr("cut"), "cut", self.tr("too long")),
            (self.tr("added"), "added", self.tr("by template")),
            (self.tr("special"), "special", self.tr("marker")),
        ]
        answers = [chosen, rejected] if is_preference else [trained]
        self._entries: Sequence[tuple[str, str, str]] = [prompt, *answers, *rest]
        self.setAccessibleName(", ".join(f"{word}: {meaning}" for word, _, meaning in self._entries))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(round(self._walk(None)), theme.scaled(24))

    def minimumSizeHint(self) -> QSize:
        return QSize(100, theme.scaled(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        has_room = self._walk(None) - _GAP <= self.width()  # else the words alone; screen readers hear all
        self._walk(painter, has_room)

    def _walk(self, painter: QPainter | None, with_meanings: bool = True) -> float:
        x = 0.0
        words = QFontMetrics(theme.font(13, "medium"))
        small = QFontMetrics(theme.font(12))
        for word, kind, meaning in self._entries:
            is_chip = kind == "special"
            wide = (QFontMetrics(theme.font(11, "medium")) if is_chip else words).horizontalAdvance(word)
            wide += 12 if is_chip else 0
            if painter is not None:  # each kind as it looks in the text
                area = QRectF(x, 2, wide, self.height() - 5)
                paint_piece(painter, Piece(x, wide, 0, 0, word, is_chip), area, kind, is_selected=False)
            x += wide + (8 if with_meanings else 0)
            if with_meanings:
                if painter is not None:
                    painter.setFont(theme.font(12))
                    painter.setPen(theme.colour(theme.current().muted))
                    painter.drawText(QRectF(x, 0, 300, self.height()), Qt.AlignmentFlag.AlignVCenter, meaning)
                x += small.horizontalAdvance(meaning)
            x += _GAP
        return x
