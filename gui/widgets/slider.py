"""A slider between two words, with a box for the exact value; even steps on a linear or a logarithmic scale."""

import math
from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QSlider, QWidget

from gui.widgets.labels import Label
from gui.widgets.number_box import NumberBox

_STEPS = 1000


class ValueSlider(QWidget):
    """`changed(float)` while a person moves or types. `box=False` shows the value as words made by `show`."""

    changed = Signal(float)

    def __init__(
        self,
        low: float,
        high: float,
        value: float,
        name: str = "",
        *,
        words: tuple[str, str] = ("", ""),
        logarithmic: bool = False,
        whole: bool = False,
        box: bool = True,
        show: Callable[[float], str] = "{:g}".format,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high = low, high
        self._logarithmic, self._whole = logarithmic, whole
        self._show = show
        self._slider = QSlider(Qt.Orientation.Horizontal)
        self._slider.setRange(0, _STEPS)
        self._slider.setPageStep(_STEPS // 10)
        self._slider.setSingleStep(_STEPS // 50)
        self._slider.setAccessibleName(name)
        self._slider.setMinimumWidth(80)
        self._box = NumberBox(value, low, high, whole=whole, name=name) if box else None
        self._shown = Label("", "strong")
        self._value = value
        self._build(words)
        self._slider.valueChanged.connect(self._slid)
        if self._box is not None:
            self._box.changed.connect(self._typed)
        self.set_value(value)

    def value(self) -> float:
        """The exact value, which may lie between two steps of the slider."""
        return self._value

    def set_value(self, value: float) -> None:
        """Show a value without announcing it."""
        self._value = value
        self._slider.blockSignals(True)
        self._slider.setValue(self._to_step(value))
        self._slider.blockSignals(False)
        self._tell()

    def slider(self) -> QSlider:
        """The slider itself, for focus and buddies."""
        return self._slider

    def set_range(self, low: float, high: float) -> None:
        """Change the limits; the value is cut to them."""
        self._low, self._high = low, high
        if self._box is not None:
            self._box.set_limits(low, high)
        self.set_value(min(high, max(low, self._value)))

    def _build(self, words: tuple[str, str]) -> None:
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        if words[0]:
            row.addWidget(Label(words[0], "small"))
        row.addWidget(self._slider, 1)
        if words[1]:
            row.addWidget(Label(words[1], "small"))
        if self._box is not None:
            self._box.setFixedWidth(70)
            row.addWidget(self._box)
        else:
            row.addWidget(self._shown)

    def _slid(self, step: int) -> None:
        self._value = self._from_step(step)
        self._tell()
        self.changed.emit(self._value)

    def _typed(self, value: float) -> None:
        self.set_value(value)
        self.changed.emit(value)

    def _tell(self) -> None:
        if self._box is not None:
            self._box.set_value(self._value)
        self._shown.setText(self._show(self._value))

    def _to_step(self, value: float) -> int:
        value = min(self._high, max(self._low, value))
        if self._logarithmic:
            part = math.log(value / self._low) / math.log(self._high / self._low)
        else:
            part = (value - self._low) / ((self._high - self._low) or 1)
        return round(part * _STEPS)

    def _from_step(self, step: int) -> float:
        part = step / _STEPS
        if self._logarithmic:
            value = float(f"{self._low * (self._high / self._low) ** part:.1e}")
        else:
            value = self._low + (self._high - self._low) * part
        if self._whole:
            value = round(value)
        return min(self._high, max(self._low, value))
