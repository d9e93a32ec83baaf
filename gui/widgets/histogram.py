"""How many rows are how long, with a cut-off line that is dragged, or moved by the arrow keys."""

from collections.abc import Sequence

from PySide6.QtCore import QLineF, QLocale, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme

_TOP = 28
_BOTTOM = 20
_SIDE = 8
_TICKS = 6


class Histogram(QWidget):
    """One or two series of counts over equal buckets from `low` to `high`; what lies behind the cut is faint.

    `cut_moved(int)` while the line moves, `cut_chosen(int)` when it is let go or a key moved it.
    """

    cut_moved = Signal(int)
    cut_chosen = Signal(int)

    def __init__(self, name: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._name = name
        self._series: tuple[tuple[str, tuple[int, ...], str], ...] = ()
        self._low, self._high = 0.0, 1.0
        self._cut: int | None = None
        self._smallest = 1
        self._is_dragging = False
        self.setMouseTracking(True)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumHeight(110)
        self._describe()

    def set_series(self, series: Sequence[tuple[str, Sequence[int], str]], low: float, high: float) -> None:
        """(label, count of each bucket, token role) of every series; buckets divide `low` to `high` equally."""
        self._series = tuple((label, tuple(counts), role) for label, counts, role in series)
        self._low, self._high = low, max(high, low + 1)
        self._describe()
        self.update()

    def set_cut(self, cut: int | None, smallest: int = 1) -> None:
        """Place the line without announcing it, or take it away with None. It cannot be moved below `smallest`."""
        self._cut = cut
        self._smallest = smallest
        self.setFocusPolicy(Qt.FocusPolicy.NoFocus if cut is None else Qt.FocusPolicy.StrongFocus)
        self._describe()
        self.update()

    def cut(self) -> int | None:
        """Where the line stands."""
        return self._cut

    def sizeHint(self) -> QSize:
        return QSize(320, 150)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._cut is not None and event.button() == Qt.MouseButton.LeftButton:
            self._is_dragging = True
            self._move_to(self._value_at(event.position().x()))

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        if self._is_dragging:
            self._move_to(self._value_at(event.position().x()))
        elif self._cut is not None:
            is_near = abs(event.position().x() - self._x(self._cut)) < 12
            self.setCursor(Qt.CursorShape.SplitHCursor if is_near else Qt.CursorShape.ArrowCursor)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        if self._is_dragging and self._cut is not None:
            self._is_dragging = False
            self.cut_chosen.emit(self._cut)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        step = max(1, round((self._high - self._low) / 64))
        moves = {Qt.Key.Key_Left: -step, Qt.Key.Key_Right: step, Qt.Key.Key_PageDown: -4 * step}
        moves |= {Qt.Key.Key_PageUp: 4 * step}
        move = moves.get(Qt.Key(event.key()), 0)
        if move == 0 or self._cut is None:
            super().keyPressEvent(event)
            return
        self._move_to(self._cut + move)
        self.cut_chosen.emit(self._cut)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_bars(painter)
        self._paint_axis(painter)
        if self._cut is not None:
            self._paint_cut(painter, self._cut)

    def _paint_bars(self, painter: QPainter) -> None:
        tokens = theme.current()
        highest = max((max(counts, default=0) for _, counts, _ in self._series), default=0) or 1
        floor = self.height() - _BOTTOM
        painter.setPen(Qt.PenStyle.NoPen)
        for place, (_, counts, role) in enumerate(self._series):
            width = (self.width() - 2 * _SIDE) / max(1, len(counts))
            part = width / len(self._series)
            for bucket, count in enumerate(counts):
                start = self._low + (self._high - self._low) * bucket / len(counts)
                is_kept = self._cut is None or start < self._cut
                painter.setBrush(theme.colour(getattr(tokens, role), 1.0 if is_kept else 0.4))
                tall = max(2.0, (floor - _TOP) * count / highest) if count else 0.0
                left = _SIDE + bucket * width + place * part
                gap = min(1.5, part * 0.12)
                painter.drawRoundedRect(QRectF(left + gap, floor - tall, part - 2 * gap, tall), 1.5, 1.5)

    def _paint_axis(self, painter: QPainter) -> None:
        tokens = theme.current()
        floor = self.height() - _BOTTOM
        painter.setPen(QPen(theme.colour(tokens.line), 1))
        painter.drawLine(QLineF(_SIDE - 8, floor + 0.5, self.width() - _SIDE + 8, floor + 0.5))
        painter.setPen(theme.colour(tokens.muted))
        painter.setFont(theme.font(11))
        for tick in range(_TICKS + 1):
            value = self._low + (self._high - self._low) * tick / _TICKS
            text = QLocale().toString(round(value))
            wide = QFontMetrics(painter.font()).horizontalAdvance(text)
            left = min(self.width() - wide, max(0.0, self._x(value) - wide / 2))
            painter.drawText(QRectF(left, floor + 3, wide + 2, _BOTTOM), Qt.AlignmentFlag.AlignTop, text)

    def _paint_cut(self, painter: QPainter, cut: int) -> None:
        tokens = theme.current()
        x = self._x(cut)
        text = self.tr("Cut at {tokens}").format(tokens=QLocale().toString(cut)) + "  ↔"
        font = theme.font(11, "semibold")
        wide = QFontMetrics(font).horizontalAdvance(text) + 16
        painter.setPen(QPen(theme.colour(tokens.accent if self.hasFocus() else tokens.inverse), 1.6))
        painter.drawLine(QLineF(x, 18, x, self.height() - _BOTTOM))
        left = min(self.width() - wide - 1, max(1.0, x - wide / 2))
        painter.setBrush(theme.colour(tokens.inverse))
        painter.drawRoundedRect(QRectF(left, 1, wide, 19), 4, 4)
        painter.setPen(theme.colour(tokens.on_inverse))
        painter.setFont(font)
        painter.drawText(QRectF(left, 1, wide, 19), Qt.AlignmentFlag.AlignCenter, text)

    def _move_to(self, value: float) -> None:
        cut = max(self._smallest, min(round(self._high), round(value)))
        if cut != self._cut:
            self._cut = cut
            self._describe()
            self.update()
            self.cut_moved.emit(cut)

    def _x(self, value: float) -> float:
        part = (value - self._low) / (self._high - self._low)
        return _SIDE + min(1.0, max(0.0, part)) * (self.width() - 2 * _SIDE)

    def _value_at(self, x: float) -> float:
        return self._low + (x - _SIDE) / max(1, self.width() - 2 * _SIDE) * (self._high - self._low)

    def _describe(self) -> None:
        cut = "" if self._cut is None else self.tr("cut at {tokens} tokens").format(tokens=self._cut)
        self.setAccessibleName(", ".join(part for part in (self._name, cut) if part))
