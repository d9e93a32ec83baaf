"""An on/off switch that slides."""

from PySide6.QtCore import QEasingCurve, QEvent, QRectF, QSize, Qt, QVariantAnimation
from PySide6.QtGui import QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from gui import theme


class Switch(QAbstractButton):
    """Checkable; `toggled(bool)` as with any button. `name` is for screen readers."""

    def __init__(self, name: str = "", is_on: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._position = 1.0 if is_on else 0.0
        self._slide = QVariantAnimation(self)
        self._slide.setDuration(120)
        self._slide.setEasingCurve(QEasingCurve.Type.OutCubic)
        self._slide.valueChanged.connect(self._move)
        self.setChecked(is_on)

    def sizeHint(self) -> QSize:
        return QSize(42, 24)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        groove = QRectF((self.width() - 38) / 2, (self.height() - 20) / 2, 38, 20)
        ground = tokens.accent if self.isChecked() else tokens.muted
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(ground if self.isEnabled() else tokens.track))
        painter.drawRoundedRect(groove, 10, 10)
        painter.setBrush(theme.colour(tokens.card))
        painter.drawEllipse(QRectF(groove.x() + 2 + 18 * self._position, groove.y() + 2, 16, 16))
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(theme.colour(tokens.accent), 1.5))
            painter.drawRoundedRect(groove.adjusted(-1.2, -1.2, 1.2, 1.2), 11, 11)

    def checkStateSet(self) -> None:
        self._slide_over()

    def nextCheckState(self) -> None:
        super().nextCheckState()
        self._slide_over()

    def _slide_over(self) -> None:
        end = 1.0 if self.isChecked() else 0.0
        self._slide.stop()
        if not self.isVisible():
            self._move(end)
            return
        self._slide.setStartValue(self._position)
        self._slide.setEndValue(end)
        self._slide.start()

    def _move(self, position: float) -> None:
        self._position = float(position)
        self.update()
