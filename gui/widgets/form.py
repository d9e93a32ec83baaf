"""A form made from settings: one row a field, two columns where there is room, with search, errors and resets.

form = Form([*fields_of(TrainSection, "train"), *fields_of(LoraSettings, "adapter")])
form.changed.connect(draft.set)            # changed("train.learning_rate", 0.0003)
form.set_values({"train.learning_rate": 2e-4})
"""

from collections.abc import Iterable, Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from engine.job.settings import SettingField, setting_fields
from gui.widgets.form_editors import is_editable
from gui.widgets.form_row import FormRow, matches
from gui.widgets.labels import Label

TWO_COLUMNS = 760
"""Pixels from which a form has two columns."""


def fields_of(cls: type, where: str) -> list[tuple[str, SettingField]]:
    """The settings of a dataclass that a form can edit, each with its dotted name."""
    return [(f"{where}.{field.name}", field) for field in setting_fields(cls) if is_editable(field)]


class Form(QWidget):
    """`changed(key, value)` for every valid edit; `fields` are (dotted name, field) pairs.

    A row is made when it is first shown: all those of a large form at once would hold up the window.
    """

    changed = Signal(str, object)

    def __init__(self, fields: Iterable[tuple[str, SettingField]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(40)
        self._grid.setVerticalSpacing(8)
        self._words = ""
        self._only: set[str] | None = None
        self._fields: dict[str, SettingField] = {}
        self._given: dict[str, tuple[object, object]] = {}  # value and base
        self._rows: dict[str, FormRow] = {}
        self._none = Label(self.tr("No setting has these words."), "muted", parent=self)
        self._none.hide()
        self._columns = 1
        self._last = 0  # the grid's line that takes what room is left
        self.set_fields(fields)

    def set_fields(self, fields: Iterable[tuple[str, SettingField]]) -> None:
        """Edit these fields from now on. The rows of those that stay are kept."""
        self._fields = dict(fields)
        self._given = {
            key: self._given.get(key, (field.default, field.default)) for key, field in self._fields.items()
        }
        for key, row in list(self._rows.items()):
            if self._fields.get(key) != row.field:
                del self._rows[key]
                self._grid.removeWidget(row)
                row.hide()
                row.deleteLater()
        self._arrange(self._columns)

    def set_values(self, values: Mapping[str, object], base: Mapping[str, object] | None = None) -> None:
        """Show values by dotted name; `base` is what counts as unchanged, each field's default unless given."""
        for key, field in self._fields.items():
            if key in values:
                self._given[key] = values[key], (base or {}).get(key, field.default)
                if key in self._rows:
                    self._rows[key].set_value(*self._given[key])

    def values(self) -> dict[str, object]:
        """The last valid value of every field."""
        return {
            key: self._rows[key].value() if key in self._rows else given[0]
            for key, given in self._given.items()
        }

    def row(self, key: str) -> FormRow:
        """The row of one field."""
        if key not in self._rows:
            row = FormRow(key, self._fields[key], self)
            row.hide()
            row.set_value(*self._given[key])
            row.changed.connect(self.changed)
            self._rows[key] = row
        return self._rows[key]

    def keys(self) -> list[str]:
        """The dotted names, in order."""
        return list(self._fields)

    def set_error(self, key: str, sentence: str) -> None:
        """Show what is wrong with one field; "" takes it away."""
        self.row(key).set_error(sentence)

    def changed_keys(self) -> list[str]:
        """The fields that differ from what they started with."""
        return [key for key, value in self.values().items() if value != self._given[key][1]]

    def groups(self) -> dict[str, list[str]]:
        """The dotted names by group, in order of first appearance; fields without a group are under ""."""
        found: dict[str, list[str]] = {}
        for key, field in self._fields.items():
            found.setdefault(field.setting.group, []).append(key)
        return found

    def show_only(self, keys: Iterable[str] | None) -> None:
        """Show these fields only, as one tab of several; None shows all."""
        self._only = None if keys is None else set(keys)
        self._arrange(self._columns)

    def set_filter(self, words: str) -> None:
        """Show the fields that have all these words, from every tab; "" ends the search."""
        self._words = words.strip()
        self._arrange(self._columns)

    def reset_all(self) -> None:
        """Take every change back, announcing each."""
        for key in self.changed_keys():
            self.row(key).take_back()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        columns = 2 if event.size().width() >= TWO_COLUMNS else 1
        if columns != self._columns:
            self._arrange(columns)

    def _arrange(self, columns: int) -> None:
        self._columns = columns
        while self._grid.count():
            self._grid.takeAt(0)
        shown = [self.row(key) for key in self._fields if self._is_shown(key)]
        for row in self._rows.values():
            row.setVisible(False)
        for place, row in enumerate(shown):
            self._grid.addWidget(row, place // columns, place % columns)
            row.setVisible(True)
        if not shown:
            self._grid.addWidget(self._none, 0, 0)
        self._none.setVisible(not shown)
        for column in range(2):
            self._grid.setColumnStretch(column, 1 if column < columns else 0)
        self._grid.setRowStretch(self._last, 0)
        self._last = len(self._fields) + 1
        self._grid.setRowStretch(self._last, 1)

    def _is_shown(self, key: str) -> bool:
        if self._words:
            return matches(key, self._fields[key], self._words)
        return self._only is None or key in self._only
