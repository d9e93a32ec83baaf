"""A small coloured word: Fits, Recommended, 3 changed; with a dot it is the state of a run."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme
from gui.theme import icons


class Badge(QWidget):
    """`tone`: good, warn, bad, accent or neutral; `icon` a Lucide name; `dot` makes the round pill of a run's state."""

    def __init__(
        self,
        text: str = "",
        tone: str = "neutral",
        icon: str = "",
        dot: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._text = text
        self._tone = tone
        self._icon = icon
        self._dot = dot
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        self.setAccessibleName(text)

    def text(self) -> str:
        """The word it shows."""
        return self._text

    def set(self, text: str, tone: str | None = None, icon: str | None = None) -> None:
        """Change the word, and tone and icon where given."""
        self._text = text
        self._tone = tone if tone is not None else self._tone
        self._icon = icon if icon is not None else self._icon
        self.setAccessibleName(text)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        metrics = QFontMetrics(theme.font(12, "semibold"))
        width = metrics.horizontalAdvance(self._text) + 2 * self._padding() + self._lead()
        return QSize(width, metrics.height() + (8 if self._dot else 6))

    def paintEvent(self, event: QPaintEvent) -> None:
        text, ground = theme.current().tone(self._tone)
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(ground))
        radius = self.height() / 2 if self._dot else 5
        painter.drawRoundedRect(QRectF(self.rect()), radius, radius)
        left = float(self._padding())
        middle = self.height() / 2
        if self._dot:
            painter.setBrush(theme.colour(text))
            painter.drawEllipse(QRectF(left, middle - 4, 8, 8))
        elif self._icon:
            icons.paint(painter, QRectF(left - 1, middle - 7, 14, 14), self._icon, text)
        painter.setPen(theme.colour(text))
        painter.setFont(theme.font(12, "semibold"))
        rest = QRectF(left + self._lead(), 0, self.width(), self.height())
        painter.drawText(rest, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._text)

    def _padding(self) -> int:
        return 15 if self._dot else 10

    def _lead(self) -> int:
        return 16 if self._dot or self._icon else 0
