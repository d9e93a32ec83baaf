"""A curve as small as a word."""

from collections.abc import Sequence

from PySide6.QtCore import QPointF, QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPen, QPolygonF
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme


class Sparkline(QWidget):
    """`set_values(numbers)`; `role` is the token of its colour. Delegates use `paint_sparkline`."""

    def __init__(
        self, values: Sequence[float] = (), role: str = "muted", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._values = tuple(values)
        self._role = role
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Fixed)

    def set_values(self, values: Sequence[float], role: str = "") -> None:
        """Show another curve, in another token's colour where one is given."""
        self._values = tuple(values)
        self._role = role or self._role
        self.update()

    def sizeHint(self) -> QSize:
        return QSize(90, 22)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        area = QRectF(self.rect()).adjusted(2, 3, -2, -3)
        paint_sparkline(painter, area, self._values, getattr(theme.current(), self._role))


def paint_sparkline(painter: QPainter, area: QRectF, values: Sequence[float], colour: str) -> None:
    """Draw the finite values as a line that fills `area`; fewer than two draw nothing."""
    finite = [value for value in values if value - value == 0]
    if len(finite) < 2:
        return
    low, high = min(finite), max(finite)
    span = (high - low) or 1.0
    step = area.width() / (len(finite) - 1)
    points = [
        QPointF(area.left() + i * step, area.bottom() - (value - low) / span * area.height())
        for i, value in enumerate(finite)
    ]
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    painter.setPen(QPen(theme.colour(colour), 1.6))
    painter.drawPolyline(QPolygonF(points))
