"""A thick progress bar, from 0 to 1, that can also just say that something moves."""

from PySide6.QtCore import QRectF, QSize, Qt, QTimer
from PySide6.QtGui import QHideEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme


class Progress(QWidget):
    """`set_fraction(0.4)`; `set_busy(True)` when the end is unknown; `tone` is a token such as accent, bad or muted."""

    def __init__(
        self, height: int = 8, tone: str = "accent", name: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._height = height
        self._tone = tone
        self._fraction = 0.0
        self._phase = 0.0
        self._is_busy = False
        self._name = name
        self._timer = QTimer(self)
        self._timer.setInterval(66)
        self._timer.timeout.connect(self._advance)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.set_fraction(0.0)

    def fraction(self) -> float:
        """How far it is, 0 to 1."""
        return self._fraction

    def set_fraction(self, fraction: float) -> None:
        """Show how far it is; values outside 0 to 1 are cut."""
        self._fraction = min(1.0, max(0.0, fraction))
        self.setAccessibleName(f"{self._name} {self._fraction:.0%}".strip())
        self.update()

    def set_tone(self, tone: str) -> None:
        """Colour of the done part, as the name of a token."""
        self._tone = tone
        self.update()

    def set_busy(self, is_busy: bool) -> None:
        """Let a piece run along the groove while nothing is known about the end."""
        self._is_busy = is_busy
        if is_busy and self.isVisible():
            self._timer.start()
        else:
            self._timer.stop()
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(120, self._height)

    def minimumSizeHint(self) -> QSize:
        return QSize(20, self._height)

    def showEvent(self, event: QShowEvent) -> None:
        if self._is_busy:
            self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        groove = QRectF(0, (self.height() - self._height) / 2, self.width(), self._height)
        radius = self._height / 2
        painter.setBrush(theme.colour(tokens.track))
        painter.drawRoundedRect(groove, radius, radius)
        painter.setBrush(theme.colour(getattr(tokens, self._tone)))
        if self._is_busy:
            piece = self.width() * 0.25
            left = self._phase * (self.width() + piece) - piece
            painter.setClipRect(groove)
            painter.drawRoundedRect(QRectF(left, groove.y(), piece, self._height), radius, radius)
        elif self._fraction > 0:
            width = max(self._height, self.width() * self._fraction)
            painter.drawRoundedRect(QRectF(0, groove.y(), width, self._height), radius, radius)

    def _advance(self) -> None:
        self._phase = (self._phase + 0.03) % 1.0
        self.update()
