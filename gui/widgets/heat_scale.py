"""What the colours of a heat map mean: from, to, and one value worth knowing."""

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QHBoxLayout, QSizePolicy, QWidget

from gui import theme
from gui.theme.ramp import heat
from gui.widgets.labels import Label

_SWATCHES = 6
_WIDTH, _NARROW, _HEIGHT = 22, 6, 11
_GAP = 3


class HeatScale(QWidget):
    """`set_words(low, high, note)` names both ends; the note stands at the right."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setSpacing(8)
        self._low = Label("", "small")
        self._high = Label("", "small")
        self._note = Label("", "small")
        row.addWidget(self._low)
        row.addWidget(_Swatches())
        row.addWidget(self._high)
        row.addStretch(1)
        row.addWidget(self._note)
        row.setContentsMargins(0, 0, 0, 0)

    def set_words(self, low: str, high: str, note: str = "") -> None:
        """What no colour, the full colour and the note say."""
        for label, words in ((self._low, low), (self._high, high), (self._note, note)):
            label.setText(words)
        self.setAccessibleName(f"{low} – {high}, {note}".strip(" ,"))

    def words(self) -> tuple[str, str, str]:
        """What it says."""
        return self._low.text(), self._high.text(), self._note.text()


class _Swatches(QWidget):
    """A few steps of the colours."""

    def __init__(self) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Maximum, QSizePolicy.Policy.Fixed)

    def sizeHint(self) -> QSize:
        return QSize(_SWATCHES * (_WIDTH + _GAP) - _GAP, _HEIGHT)

    def minimumSizeHint(self) -> QSize:
        return QSize(_SWATCHES * (_NARROW + _GAP) - _GAP, _HEIGHT)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        each = (self.width() + _GAP) / _SWATCHES
        for place in range(_SWATCHES):
            painter.setBrush(theme.colour(heat(theme.current(), place / (_SWATCHES - 1))))
            painter.drawRoundedRect(QRectF(place * each, 0, each - _GAP, _HEIGHT), 2, 2)
