"""Memory by part, always in the same order and colours: weights, adapter and optimizer, activations, working space."""

from PySide6.QtCore import QLocale, QRectF, QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPainterPath, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme

GIGA = 1e9
_BAR = 12
_GAP = 12


class MemoryBar(QWidget):
    """`set_parts` takes bytes. With a legend the parts are named below the bar; it wraps to what fits."""

    def __init__(self, legend: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._legend = legend
        self._parts = (0.0, 0.0, 0.0, 0.0)
        self._free = 0.0
        self._heights: dict[tuple[int, float], int] = {}  # a layout asks hundreds of times
        policy = QSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        policy.setHeightForWidth(True)
        self.setSizePolicy(policy)

    def set_parts(
        self, weights: float, adapter: float, activations: float, workspace: float, free: float
    ) -> None:
        """Bytes of each part, and the bytes that are free for all of them together."""
        self._parts = (weights, adapter, activations, workspace)
        self._free = free
        self._heights.clear()
        shares = ", ".join(f"{name} {figure}" for name, figure in self._named())
        self.setAccessibleName(self.tr("Memory needed in gigabytes: {parts}").format(parts=shares))
        self.setMinimumHeight(self.heightForWidth(self.width()))
        self.updateGeometry()
        self.update()

    def total(self) -> float:
        """Bytes of all parts together."""
        return sum(self._parts)

    def hasHeightForWidth(self) -> bool:
        return self._legend

    def heightForWidth(self, width: int) -> int:
        if not self._legend:
            return _BAR
        key = (width, theme.scale())
        if key not in self._heights:
            rows = 1 + max((row for _, row in self._places(width)), default=0)
            self._heights[key] = _BAR + 7 + self._line() * rows
        return self._heights[key]

    def sizeHint(self) -> QSize:
        return QSize(520, self.heightForWidth(520))

    def minimumSizeHint(self) -> QSize:
        return QSize(120, self.heightForWidth(520))

    def resizeEvent(self, event: QResizeEvent) -> None:
        # Not every layout around it asks for the height that a width needs.
        self.setMinimumHeight(self.heightForWidth(self.width()))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        self._paint_bar(painter)
        if self._legend:
            self._paint_legend(painter)

    def _paint_bar(self, painter: QPainter) -> None:
        tokens = theme.current()
        outline = QPainterPath()
        outline.addRoundedRect(QRectF(0, 0, self.width(), _BAR), _BAR / 2, _BAR / 2)
        painter.save()
        painter.setClipPath(outline)
        painter.fillPath(outline, theme.colour(tokens.track))
        whole = max(self._free, self.total(), 1.0)
        left = 0.0
        for part, colour in zip(self._parts, tokens.memory, strict=True):
            width = self.width() * part / whole
            painter.fillRect(QRectF(left, 0, max(0.0, width - 1), _BAR), theme.colour(colour))
            painter.fillRect(QRectF(left + width - 1, 0, 1 if part else 0, _BAR), theme.colour(tokens.card))
            left += width
        painter.restore()

    def _paint_legend(self, painter: QPainter) -> None:
        tokens = theme.current()
        metrics = QFontMetrics(theme.font(12))
        for (x, row), (name, figure), colour in zip(
            self._places(self.width()), self._named(), tokens.memory, strict=True
        ):
            area = QRectF(x, _BAR + 7 + row * self._line(), self.width(), self._line())
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.colour(colour))
            painter.drawEllipse(QRectF(x + 1, area.center().y() - 4, 8, 8))
            painter.setFont(theme.font(12))
            painter.setPen(theme.colour(tokens.muted))
            vertical = Qt.AlignmentFlag.AlignVCenter
            painter.drawText(area.adjusted(17, 0, 0, 0), vertical, name)
            painter.setFont(theme.font(12, "medium"))
            painter.setPen(theme.colour(tokens.text))
            painter.drawText(
                area.adjusted(17 + metrics.horizontalAdvance(name + " "), 0, 0, 0), vertical, figure
            )

    def _places(self, width: int) -> list[tuple[float, int]]:
        metrics = QFontMetrics(theme.font(12, "medium"))
        places: list[tuple[float, int]] = []
        left, row = 0.0, 0
        for name, figure in self._named():
            wide = 17 + metrics.horizontalAdvance(f"{name} {figure}")
            if left and left + wide > width:
                left, row = 0.0, row + 1
            places.append((left, row))
            left += wide + _GAP
        return places

    def _named(self) -> list[tuple[str, str]]:
        names = (
            self.tr("Weights"),
            self.tr("Adapter and optimizer"),
            self.tr("Activations"),
            self.tr("Working space"),
        )
        digits = 1 if self.total() >= GIGA else 2 if self.total() >= GIGA / 10 else 3
        return [
            (name, QLocale().toString(part / GIGA, "f", digits))
            for name, part in zip(names, self._parts, strict=True)
        ]

    def _line(self) -> int:
        return QFontMetrics(theme.font(12)).height() + 4
