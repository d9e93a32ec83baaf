"""A dashed place to drop files on, or to click."""

from pathlib import Path

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QDragEnterEvent, QDragLeaveEvent, QDropEvent, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui import theme
from gui.theme import icons


class DropZone(QAbstractButton):
    """`dropped` carries a list of paths; `clicked` (mouse, Space or Enter) asks for a file dialog."""

    dropped = Signal(list)

    def __init__(
        self, title: str, text: str = "", icon: str = "upload", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._title = title
        self._text = text
        self._icon = icon
        self._is_over = False
        self.setAcceptDrops(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Minimum)
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)

    def set_texts(self, title: str, text: str = "") -> None:
        """Change the words."""
        self._title, self._text = title, text
        self.setAccessibleName(title)
        self.setAccessibleDescription(text)
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(270, theme.scaled(88))

    def minimumSizeHint(self) -> QSize:
        return QSize(160, theme.scaled(88))

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if event.mimeData().hasUrls():
            self._set_over(True)
            event.acceptProposedAction()

    def dragLeaveEvent(self, event: QDragLeaveEvent) -> None:
        self._set_over(False)

    def dropEvent(self, event: QDropEvent) -> None:
        self._set_over(False)
        paths = [Path(url.toLocalFile()) for url in event.mimeData().urls() if url.isLocalFile()]
        if paths:
            event.acceptProposedAction()
            self.dropped.emit(paths)

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        is_lit = self._is_over or self.hasFocus()
        colour = tokens.accent if is_lit else tokens.dashed
        painter.setPen(QPen(theme.colour(colour), 1.5 if is_lit else 1.0, Qt.PenStyle.DashLine))
        is_warm = self._is_over or self.underMouse()
        painter.setBrush(
            theme.colour(tokens.accent_soft if self._is_over else tokens.hover, 1.0 if is_warm else 0.0)
        )
        painter.drawRoundedRect(QRectF(self.rect()).adjusted(1, 1, -1, -1), 10, 10)
        self._paint_words(painter)

    def _paint_words(self, painter: QPainter) -> None:
        tokens = theme.current()
        line = theme.scaled(18)
        top = (self.height() - 22 - 2 * line) / 2 - 2
        middle = self.width() / 2
        icons.paint(painter, QRectF(middle - 10, top, 20, 20), self._icon, tokens.muted)
        painter.setFont(theme.font(13, "semibold"))
        painter.setPen(theme.colour(tokens.text))
        self._paint_line(painter, QRectF(8, top + 24, self.width() - 16, line), self._title)
        painter.setFont(theme.font(12))
        painter.setPen(theme.colour(tokens.muted))
        below = QRectF(8, top + 24 + line, self.width() - 16, line)
        self._paint_line(painter, below, self._text)

    def _paint_line(self, painter: QPainter, area: QRectF, text: str) -> None:
        shown = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(area, Qt.AlignmentFlag.AlignCenter, shown)

    def _set_over(self, is_over: bool) -> None:
        self._is_over = is_over
        self.update()
