"""Choice cards in a grid, or radio rows below each other, of which exactly one is chosen."""

from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QAbstractButton, QGridLayout, QSpacerItem, QWidget

from gui.widgets.choice_card import ChoiceCard
from gui.widgets.radio_row import RadioRow

_STEPS = {Qt.Key.Key_Left: -1, Qt.Key.Key_Up: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_Down: 1}


class _Gap(QSpacerItem):
    """Stands for a choice that is not there: the grid keeps its column and the spacing before it."""

    def isEmpty(self) -> bool:
        return False


class ChoiceGroup(QWidget):
    """Add choices by value; `changed` carries the value that a person chose. Arrow keys move between choices."""

    changed = Signal(str)

    def __init__(
        self, columns: int = 1, name: str = "", spacing: int = 12, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self._columns = columns
        self.setAccessibleName(name)
        self._layout = QGridLayout(self)
        self._layout.setContentsMargins(0, 0, 0, 0)
        self._layout.setSpacing(spacing)
        self._choices: dict[str, ChoiceCard | RadioRow] = {}
        self._gaps: list[_Gap] = []
        self._value = ""

    def add(self, value: str, choice: ChoiceCard | RadioRow) -> None:
        """Add one choice behind the others."""
        choice.setParent(self)
        choice.clicked.connect(self._clicked)
        choice.installEventFilter(self)
        choice.setProperty("choice", value)
        self._choices[value] = choice
        self._arrange()

    def choice(self, value: str) -> ChoiceCard | RadioRow:
        """The card or row of a value."""
        return self._choices[value]

    def value(self) -> str:
        """The chosen value, "" when there is none."""
        return self._value

    def set_value(self, value: str) -> None:
        """Choose without announcing it; a blocked choice can be shown as chosen, its reason stays visible."""
        self._value = value
        for name, choice in self._choices.items():
            choice.setChecked(name == value)
            choice.update()

    def set_columns(self, columns: int) -> None:
        """Put so many choices beside each other."""
        if columns != self._columns:
            self._columns = columns
            self._arrange()

    def set_shown(self, value: str, is_shown: bool) -> None:
        """Show or hide one choice; the others close up."""
        self._choices[value].setVisible(is_shown)
        self._arrange()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = _STEPS.get(Qt.Key(event.key()), 0)
            if step and isinstance(watched, ChoiceCard | RadioRow):
                self._move(watched, step)
                return True
        return super().eventFilter(watched, event)

    def _move(self, focused: ChoiceCard | RadioRow, step: int) -> None:
        shown = [choice for choice in self._choices.values() if not choice.isHidden()]
        target = shown[(shown.index(focused) + step) % len(shown)]
        target.setFocus(Qt.FocusReason.TabFocusReason)
        if not target.blocked_reason:
            self._choose(str(target.property("choice")))

    def _clicked(self) -> None:
        sender = self.sender()
        if isinstance(sender, QAbstractButton):
            self._choose(str(sender.property("choice")))

    def _choose(self, value: str) -> None:
        is_allowed = not self._choices[value].blocked_reason
        is_new = is_allowed and value != self._value
        self.set_value(value if is_allowed else self._value)
        if is_new:
            self.changed.emit(value)

    def _arrange(self) -> None:
        shown = [choice for choice in self._choices.values() if not choice.isHidden()]
        for place, choice in enumerate(shown):
            self._layout.addWidget(choice, place // self._columns, place % self._columns)
        for gap in self._gaps:
            self._layout.removeItem(gap)
        # A column without anything has no spacing: the cards of a short row would be wider than those above.
        self._gaps = [_Gap(0, 0) for _ in range(len(shown), self._columns)]
        for place, gap in enumerate(self._gaps, len(shown)):
            self._layout.addItem(gap, 0, place)
        for column in range(max(self._columns, self._layout.columnCount())):
            self._layout.setColumnStretch(column, int(column < self._columns))
