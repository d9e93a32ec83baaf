"""A box for one number, in any notation; arrow keys and the wheel over the focused box step it sensibly."""

import math

from PySide6.QtCore import QEvent, QRectF, Qt, Signal
from PySide6.QtGui import QKeyEvent, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from gui import theme
from gui.theme import icons
from gui.widgets.look import set_look
from gui.widgets.number_format import edit_number, read_number

_ARROWS = 24


class NumberBox(QLineEdit):
    """`changed(float)` after Enter, leaving the box or a step; only for numbers within the limits.

    `auto` is a word that stands for "no number" (None), as in "auto"; `value()` is then None.
    """

    changed = Signal(object)
    refused = Signal(str)

    def __init__(
        self,
        value: float | None,
        low: float | None = None,
        high: float | None = None,
        *,
        whole: bool = False,
        name: str = "",
        auto: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._low, self._high = low, high
        self._whole = whole
        self._auto = auto
        self._value = value
        self.setAccessibleName(name)
        self._has_arrows = False
        self.setMinimumWidth(56)
        self.editingFinished.connect(self._finish)
        self._show()

    def value(self) -> float | None:
        """The number, None for the `auto` word."""
        return self._value

    def set_value(self, value: float | None) -> None:
        """Show a number without announcing it."""
        self._value = int(value) if self._whole and value is not None else value
        self._show()

    def set_limits(self, low: float | None, high: float | None) -> None:
        """Change the smallest and the largest number."""
        self._low, self._high = low, high

    def show_arrows(self) -> None:
        """Show the small up and down arrows."""
        self._has_arrows = True
        self.setTextMargins(0, 0, _ARROWS - 8, 0)
        self.update()

    def step(self, steps: int) -> None:
        """Move by whole units, or by units of the leading digit."""
        current = self._value if self._value is not None else self._low or 0
        self._take(_stepped(current, steps, self._whole))

    def keyPressEvent(self, event: QKeyEvent) -> None:
        steps = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1, Qt.Key.Key_PageUp: 10, Qt.Key.Key_PageDown: -10}
        step = steps.get(Qt.Key(event.key()), 0)
        if step:
            self.step(step)
        else:
            super().keyPressEvent(event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus() and event.angleDelta().y():
            self.step(1 if event.angleDelta().y() > 0 else -1)
            event.accept()
        else:
            event.ignore()

    def mousePressEvent(self, event: QMouseEvent) -> None:
        if self._has_arrows and event.position().x() > self.width() - _ARROWS:
            self.step(1 if event.position().y() < self.height() / 2 else -1)
            return
        super().mousePressEvent(event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        is_over = self._has_arrows and event.position().x() > self.width() - _ARROWS
        self.setCursor(Qt.CursorShape.ArrowCursor if is_over else Qt.CursorShape.IBeamCursor)
        super().mouseMoveEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if self._has_arrows:
            painter = QPainter(self)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            left, middle = self.width() - _ARROWS + 4, self.height() / 2
            muted = theme.current().muted
            icons.paint(painter, QRectF(left, middle - 14, 13, 13), "chevron-up", muted)
            icons.paint(painter, QRectF(left, middle + 1, 13, 13), "chevron-down", muted)

    def changeEvent(self, event: QEvent) -> None:
        super().changeEvent(event)
        if event.type() == QEvent.Type.LocaleChange:
            self._show()

    def _finish(self) -> None:
        text = self.text().strip()
        if self._auto and text.lower() == self._auto.lower():
            self._announce(None)
            return
        number = read_number(text, self._whole, self.locale())
        if number is None:
            self._refuse(self.tr("“{text}” is not a number.").format(text=text))
        elif self._low is not None and number < self._low:
            self._refuse(self.tr("The smallest value is {low}.").format(low=edit_number(self._low)))
        elif self._high is not None and number > self._high:
            self._refuse(self.tr("The largest value is {high}.").format(high=edit_number(self._high)))
        else:
            self._announce(number)

    def _take(self, number: float) -> None:
        low = -math.inf if self._low is None else self._low
        high = math.inf if self._high is None else self._high
        self._announce(min(high, max(low, number)))

    def _announce(self, number: float | None) -> None:
        set_look(self, invalid=False)
        if self._whole and number is not None:
            number = int(number)
        is_new = number != self._value
        self._value = number
        self._show()
        if is_new:
            self.changed.emit(number)

    def _refuse(self, reason: str) -> None:
        set_look(self, invalid=True)
        self.refused.emit(reason)

    def _show(self) -> None:
        text = self._auto if self._value is None else edit_number(self._value, self.locale())
        if self.text() != text:
            self.setText(text)
            self.setCursorPosition(0)


def _stepped(value: float, steps: int, whole: bool) -> float:
    """One unit for whole numbers; otherwise one unit of the leading digit, so that 2e-4 becomes 3e-4."""
    if whole:
        return value + steps
    size = abs(value) or 1.0
    exponent = math.floor(math.log10(size) + 1e-9)
    if steps < 0 and math.isclose(size, 10.0**exponent):
        exponent -= 1
    moved = value + steps * 10.0**exponent
    return float(f"{moved:.6g}")
