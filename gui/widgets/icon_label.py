"""An icon as a widget of its own: still, or turning while something works."""

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QWidget

from gui import theme
from gui.theme import icons


class IconLabel(QWidget):
    """A Lucide icon in the colour of a token; `ground` is a token painted as a rounded square behind it."""

    def __init__(
        self, name: str, role: str = "text", size: int = 18, ground: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._name = name
        self._role = role
        self._size = size
        self._ground = ground
        side = round(size * 2.1) if ground else size
        self.setFixedSize(QSize(side, side))
        self._angle = 0

    def set_icon(self, name: str, role: str | None = None) -> None:
        """Show another icon, in another token's colour where one is given."""
        self._name = name
        self._role = role if role is not None else self._role
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens = theme.current()
        if self._ground:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(getattr(tokens, self._ground)))
            painter.drawRoundedRect(self.rect(), 8, 8)
        painter.translate(self.width() / 2, self.height() / 2)
        painter.rotate(self._angle)
        half = self._size / 2
        icons.paint(
            painter, QRectF(-half, -half, self._size, self._size), self._name, getattr(tokens, self._role)
        )


class Spinner(IconLabel):
    """The loader icon, turning while it is visible."""

    def __init__(self, role: str = "accent", size: int = 18, parent: QWidget | None = None) -> None:
        super().__init__("loader", role, size, parent=parent)
        self.setAccessibleName(self.tr("Working"))
        self._timer = QTimer(self)
        self._timer.setInterval(125)
        self._timer.timeout.connect(self._turn)

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def _turn(self) -> None:
        self._angle = (self._angle + 45) % 360
        self.update()
