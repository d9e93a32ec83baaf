"""Grey bars in the place of lines that are still being read."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme

_WIDTHS = (0.55, 0.8, 0.4, 0.7)


class Skeleton(QWidget):
    """`rows` pairs of bars, still; put a `Spinner` beside it where the wait may be long."""

    def __init__(self, rows: int = 3, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows = rows
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(self.tr("Loading"))

    def sizeHint(self) -> QSize:
        return QSize(240, self._rows * 50)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.current().track))
        for row in range(self._rows):
            top = row * 50 + 8
            first, second = _WIDTHS[row % 4], _WIDTHS[(row + 1) % 4]
            painter.drawRoundedRect(QRectF(0, top, self.width() * first, 12), 4, 4)
            painter.drawRoundedRect(QRectF(0, top + 19, self.width() * second, 9), 4, 4)
