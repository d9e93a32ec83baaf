"""A row of mutually exclusive choices in one groove; arrow keys move, Tab leaves."""

from collections.abc import Sequence

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QButtonGroup, QFrame, QHBoxLayout, QPushButton, QSizePolicy, QWidget

from gui.widgets.look import set_look

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


class Segmented(QFrame):
    """`options` are (value, label) pairs. `changed` carries the value that a person chose."""

    changed = Signal(str)

    def __init__(
        self,
        options: Sequence[tuple[str, str]],
        current: str = "",
        name: str = "",
        stretch: bool = False,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        set_look(self, role="segment")
        self.setAccessibleName(name)
        self._layout = QHBoxLayout(self)
        self._layout.setContentsMargins(4, 4, 4, 4)
        self._layout.setSpacing(2)
        across = QSizePolicy.Policy.Preferred if stretch else QSizePolicy.Policy.Maximum
        self.setSizePolicy(across, QSizePolicy.Policy.Fixed)
        self._group = QButtonGroup(self)
        self._group.buttonClicked.connect(self._announce)
        self._buttons: dict[str, QPushButton] = {}
        self._labels: dict[str, str] = {}
        self._value = ""
        self.set_options(options, current)

    def value(self) -> str:
        """The chosen value, "" when there is none."""
        return self._value

    def set_value(self, value: str) -> None:
        """Choose without announcing it."""
        self._buttons[value].setChecked(True)
        self._value = value

    def set_options(self, options: Sequence[tuple[str, str]], current: str = "") -> None:
        """Replace all choices; the first one is chosen unless `current` names another."""
        if [value for value, _ in options] == list(self._buttons):
            for value, label in options:
                self._buttons[value].setEnabled(True)
                self.set_label(value, label)
        else:
            self._make_all(options)
        self._labels = dict(options)
        if options:
            self.set_value(current or options[0][0])

    def options(self) -> list[tuple[str, str]]:
        """The choices as (value, label) pairs."""
        return list(self._labels.items())

    def set_label(self, value: str, label: str) -> None:
        """Change the words of one choice."""
        self._labels[value] = label
        self._buttons[value].setText(label)

    def set_marked(self, value: str, is_marked: bool) -> None:
        """Put a dot behind one choice, as for a group with changed settings."""
        label = self._labels[value]
        self._buttons[value].setText(f"{label}  •" if is_marked else label)

    def button(self, value: str) -> QPushButton:
        """The button of one choice, to disable it or to focus it."""
        return self._buttons[value]

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()), 0)
            if step:
                self._move(step)
                return True
        return super().eventFilter(watched, event)

    def _move(self, step: int) -> None:
        enabled = [button for button in self._buttons.values() if button.isEnabled()]
        focused = next((place for place, button in enumerate(enabled) if button.hasFocus()), None)
        if focused is not None:
            target = enabled[(focused + step) % len(enabled)]
            target.setFocus(Qt.FocusReason.TabFocusReason)
            target.setChecked(True)
            self._announce(target)

    def _make_all(self, options: Sequence[tuple[str, str]]) -> None:
        for button in self._buttons.values():
            self._group.removeButton(button)
            self._layout.removeWidget(button)
            button.hide()
            button.deleteLater()
        self._buttons = {value: self._make(value, label) for value, label in options}
        if self.isVisible():  # else Qt shows them later, and until then there would be room for none
            for button in self._buttons.values():
                button.show()

    def _make(self, value: str, label: str) -> QPushButton:
        button = QPushButton(label, self)
        button.setCheckable(True)
        button.setProperty("choice", value)
        set_look(button, role="segment")
        button.installEventFilter(self)
        self._group.addButton(button)
        self._layout.addWidget(button)
        return button

    def _announce(self, button: QPushButton) -> None:
        value = str(button.property("choice"))
        if value != self._value:
            self._value = value
            self.changed.emit(value)
