"""A drop-down list of values with labels; the wheel changes it only while it has the focus."""

from collections.abc import Sequence

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QComboBox, QStyledItemDelegate, QWidget

from gui.widgets.look import set_look


class Select(QComboBox):
    """`options` are (value, label) pairs; `changed` carries the value that a person chose.

    `tone="accent"` marks a choice that means something, as a column's role does.
    """

    changed = Signal(str)

    def __init__(
        self,
        options: Sequence[tuple[str, str]] = (),
        current: str = "",
        name: str = "",
        *,
        compact: bool = False,
        tone: str = "",
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        set_look(self, compact=compact, tone=tone)
        self.setItemDelegate(QStyledItemDelegate(self))
        self.setAccessibleName(name)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.set_options(options, current)
        self.activated.connect(self._announce)

    def value(self) -> str:
        """The chosen value, "" when there is none."""
        return str(self.currentData() or "")

    def set_value(self, value: str) -> None:
        """Choose without announcing it."""
        self.setCurrentIndex(self.findData(value))

    def set_options(self, options: Sequence[tuple[str, str]], current: str = "") -> None:
        """Replace the list; the first is chosen unless `current` names another."""
        self.clear()
        for value, label in options:
            self.addItem(label, value)
        if current:
            self.set_value(current)

    def set_tone(self, tone: str) -> None:
        """Make it accent, or usual with ""."""
        set_look(self, tone=tone)

    def wheelEvent(self, event: QWheelEvent) -> None:
        if self.hasFocus():
            super().wheelEvent(event)
        else:
            event.ignore()

    def _announce(self, _index: int) -> None:
        self.changed.emit(self.value())
