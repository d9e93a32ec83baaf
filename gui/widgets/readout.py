"""A small box over a chart that reads out values; the mouse passes through it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QPoint, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from gui import theme

_PAD = 8
_DOT = 14


@dataclass(frozen=True)
class ReadoutLine:
    """One line: a dot in a token's colour (or none), words, quieter words behind them."""

    text: str
    quiet: str = ""
    role: str = ""
    is_strong: bool = False


class Readout(QWidget):
    """`show_at` places it beside a point, inside its parent."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._lines: tuple[ReadoutLine, ...] = ()
        self.hide()

    def show_at(self, lines: Sequence[ReadoutLine], x: float, area: QRectF) -> None:
        """Read these lines out right of `x`, or left of it where the right has no room in `area`."""
        self._lines = tuple(lines)
        self.setAccessibleName(self.text())
        size = self.sizeHint()
        self.resize(size)
        is_right = x + 10 + size.width() <= area.right()
        left = x + 8 if is_right else max(area.left(), x - 8 - size.width())
        self.move(QPoint(round(left), round(area.top() + 8)))
        self.show()
        self.raise_()
        self.update()

    def text(self) -> str:
        """What it reads out, one line each."""
        return "\n".join(f"{line.text} {line.quiet}".strip() for line in self._lines)

    def sizeHint(self) -> QSize:
        width = max((self._width(line) for line in self._lines), default=0)
        return QSize(width + 2 * _PAD, len(self._lines) * self._height() + 2 * _PAD - 4)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.colour(tokens.dashed, 0.7))
        painter.setBrush(theme.colour(tokens.card))
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5), 4, 4)
        top = float(_PAD - 2)
        for line in self._lines:
            self._paint_line(painter, line, top)
            top += self._height()

    def _paint_line(self, painter: QPainter, line: ReadoutLine, top: float) -> None:
        tokens = theme.current()
        left = float(_PAD)
        if line.role:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(getattr(tokens, line.role)))
            painter.drawEllipse(QRectF(left, top + self._height() / 2 - 4, 8, 8))
            left += _DOT
        font = theme.font(12, "semibold" if line.is_strong else "regular")
        painter.setFont(font)
        painter.setPen(theme.colour(tokens.text))
        room = QRectF(left, top, self.width(), self._height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, line.text)
        if line.quiet:
            after = QFontMetrics(font).horizontalAdvance(line.text) + 5
            painter.setFont(theme.font(12))
            painter.setPen(theme.colour(tokens.muted))
            painter.drawText(room.adjusted(after, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, line.quiet)

    @staticmethod
    def _width(line: ReadoutLine) -> int:
        words = QFontMetrics(theme.font(12, "semibold" if line.is_strong else "regular")).horizontalAdvance(
            line.text
        )
        quiet = QFontMetrics(theme.font(12)).horizontalAdvance(line.quiet) + 5 if line.quiet else 0
        return (_DOT if line.role else 0) + words + quiet + 1

    @staticmethod
    def _height() -> int:
        return QFontMetrics(theme.font(12)).height() + 1
