"""One setting in a form: label with its term, editor at the right, help below; a changed value can be taken back."""

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QSizePolicy, QWidget

from engine.job.errors import JobError
from engine.job.settings import SettingField, check_value
from gui import theme
from gui.widgets.buttons import Button
from gui.widgets.form_editors import make_editor
from gui.widgets.labels import ElidedLabel, Label, TermLabel
from gui.widgets.look import set_look
from gui.widgets.number_format import show_number


class FormRow(QWidget):
    """`changed(key, value)` when a person entered a valid value, or took a change back."""

    changed = Signal(str, object)

    def __init__(self, key: str, field: SettingField, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.key = key
        self.field = field
        self._value: object = field.default
        self._base: object = field.default
        self._editor = make_editor(field)
        self._dot = _Dot()
        self._label = TermLabel(field.setting.label, field.setting.term)
        self._label.set_buddy(self._editor.widget)
        self._editor.widget.setAccessibleDescription(field.setting.help)
        self._help = ElidedLabel(field.setting.help, "small")
        self._error = Label("", "smalltext", tone="bad", wrap=True)
        self._was = Label("", "small")
        self._reset = Button(self.tr("Reset"), "link", "rotate-ccw", compact=True)
        self._build()
        self._editor.edited.connect(self._edited)
        self._editor.refused.connect(self.set_error)
        self._reset.clicked.connect(self._reset_clicked)
        self.set_value(field.default, field.default)

    @property
    def is_changed(self) -> bool:
        """Whether the value differs from the one it started with."""
        return self._value != self._base

    @property
    def editor(self) -> QWidget:
        """The widget that edits the value."""
        return self._editor.widget

    def value(self) -> object:
        """The last valid value."""
        return self._value

    def set_value(self, value: object, base: object) -> None:
        """Show a value without announcing it; `base` is what Reset returns to."""
        self._value, self._base = value, base
        self._editor.show_value(value)
        self.set_error("")
        self._refresh()

    def set_error(self, sentence: str) -> None:
        """Show what is wrong in place of the help, or take it away with ""."""
        self._error.setText(sentence)
        self._error.setVisible(bool(sentence))
        self._help.setVisible(not sentence)
        set_look(self._editor.widget, invalid=bool(sentence))

    def error(self) -> str:
        """What is wrong, or ""."""
        return self._error.text()

    def take_back(self) -> None:
        """Return to the value it started with, and announce it."""
        self.set_value(self._base, self._base)
        self.changed.emit(self.key, self._base)

    def _build(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(8)
        grid.setVerticalSpacing(4)
        title = QHBoxLayout()
        title.setSpacing(6)
        title.addWidget(self._dot)
        title.addWidget(self._label, 1)
        side = QHBoxLayout()
        side.setSpacing(6)
        side.addWidget(self._editor.widget)
        if self.field.setting.unit:
            side.addWidget(Label(self.field.setting.unit, "small"))
        below = QHBoxLayout()
        below.setSpacing(6)
        below.addWidget(self._help, 1, Qt.AlignmentFlag.AlignTop)
        below.addWidget(self._error, 1, Qt.AlignmentFlag.AlignTop)
        below.addWidget(self._was)
        below.addWidget(self._reset)
        grid.addLayout(title, 0, 0)
        grid.addLayout(side, 0, 1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        grid.addLayout(below, 1, 0, 1, 2, Qt.AlignmentFlag.AlignTop)
        grid.setColumnStretch(0, 1)
        grid.setRowMinimumHeight(1, theme.scaled(22))
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Maximum)

    def _edited(self, value: object) -> None:
        where = self.key.rpartition(".")[0]
        try:
            checked = check_value(self.field, value, where)
        except JobError as error:
            self.set_error(error.title)
            return
        self.set_error("")
        if checked != self._value:
            self._value = checked
            self._refresh()
            self.changed.emit(self.key, checked)

    def _reset_clicked(self) -> None:
        self._editor.widget.setFocus()
        self.take_back()

    def _refresh(self) -> None:
        is_changed = self.is_changed
        self._dot.setVisible(is_changed)
        self._was.setVisible(is_changed)
        self._reset.setVisible(is_changed)
        was = self.tr("was {value}").format(value=show_setting(self.field, self._base))
        self._was.setText(was)
        self._reset.setAccessibleName(f"{self.tr('Reset')} {self.field.setting.label}, {was}")


def matches(key: str, field: SettingField, words: str) -> bool:
    """Whether every word occurs in the label, the term, the help or the key."""
    setting = field.setting
    text = f"{setting.label} {setting.term} {setting.help} {key}".casefold()
    return all(word in text for word in words.casefold().split())


def show_setting(field: SettingField, value: object) -> str:
    """A setting's value in words: the choice's label, on or off, a number in the language's form."""
    if value is None:
        return field.setting.auto or "–"
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, str) and value in field.setting.choices:
        return field.setting.choices[value]
    if isinstance(value, int | float):
        unit = f" {field.setting.unit}" if field.setting.unit else ""
        return show_number(value) + unit
    if isinstance(value, tuple | list):
        return ", ".join(str(item) for item in value) or "–"
    return str(value)


class _Dot(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.setFixedSize(QSize(12, 12))
        self.setAccessibleName(self.tr("changed"))

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(theme.current().accent))
        painter.drawEllipse(QRectF(1, 1, 10, 10))
