"""One entry of the left rail: icon, words, and the state of that step."""

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QAbstractButton, QSizePolicy, QWidget

from gui import theme
from gui.theme import icons

_MARKS = {"done": ("check", "good"), "attention": ("circle-alert", "warn"), "busy": ("loader", "accent")}


class RailButton(QAbstractButton):
    """Checkable; checked is the page that is open. `set_mark` takes done, attention, busy or ""."""

    def __init__(self, text: str, icon: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setText(text)
        self._icon = icon
        self._mark = ""
        self._angle = 0
        self.setCheckable(True)
        self.setAutoExclusive(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self._timer = QTimer(self)
        self._timer.setInterval(125)
        self._timer.timeout.connect(self._turn)

    def mark(self) -> str:
        """The state that is shown: done, attention, busy or ""."""
        return self._mark

    def set_mark(self, mark: str) -> None:
        """Show the state of the step; in words too, for screen readers."""
        words = {"done": self.tr("done"), "attention": self.tr("needs attention"), "busy": self.tr("working")}
        self._mark = mark
        self.setAccessibleDescription(words.get(mark, ""))
        if mark == "busy":
            self._timer.start()
        else:
            self._timer.stop()
            self._angle = 0
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(180, theme.scaled(34))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        area = QRectF(self.rect()).adjusted(0.5, 0.5, -0.5, -0.5)
        ground = (
            tokens.accent_soft if self.isChecked() else tokens.track if self.underMouse() else tokens.rail
        )
        painter.setPen(theme.colour(tokens.accent) if self.hasFocus() else Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(ground))
        painter.drawRoundedRect(area, 8, 8)
        middle = self.height() / 2
        colour = tokens.accent if self.isChecked() else tokens.text
        icon_colour = tokens.accent if self.isChecked() else tokens.muted
        icons.paint(painter, QRectF(10, middle - 8, 16, 16), self._icon, icon_colour)
        painter.setFont(theme.font(13, "semibold" if self.isChecked() else "medium"))
        painter.setPen(theme.colour(colour))
        painter.drawText(area.adjusted(36, 0, -34, 0), Qt.AlignmentFlag.AlignVCenter, self.text())
        self._paint_mark(painter, middle)

    def _paint_mark(self, painter: QPainter, middle: float) -> None:
        if self._mark:
            name, role = _MARKS[self._mark]
            painter.translate(self.width() - 18, middle)
            painter.rotate(self._angle)
            icons.paint(painter, QRectF(-8, -8, 16, 16), name, getattr(theme.current(), role))

    def _turn(self) -> None:
        if self.isVisible():
            self._angle = (self._angle + 45) % 360
            self.update()
