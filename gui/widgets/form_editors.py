"""One editor for each type of setting. An editor shows a value, and says what a person entered or why it refused."""

from collections.abc import Callable

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QLineEdit, QPlainTextEdit, QWidget

from engine.job.settings import SettingField
from gui.widgets.number_box import NumberBox
from gui.widgets.select import Select
from gui.widgets.switch import Switch

NARROW, WIDE = 92, 170
"""Pixels of an editor for a number and of one for words."""


class Editor(QObject):
    """A widget that edits one setting. `edited` carries the value as its own type, `refused` a sentence."""

    edited = Signal(object)
    refused = Signal(str)

    def __init__(self, widget: QWidget, show: Callable[[object], None]) -> None:
        super().__init__(widget)
        self.widget = widget
        self.show_value = show


def make_editor(field: SettingField) -> Editor:
    """The editor that suits the setting's type and choices."""
    if field.setting.choices:
        return _choice(field)
    return _MAKERS[field.type](field)


def is_editable(field: SettingField) -> bool:
    """Whether a form has an editor for this setting; tables of texts have pages of their own."""
    return field.type in _MAKERS


def _choice(field: SettingField) -> Editor:
    options = list(field.setting.choices.items())
    if field.optional:
        options.insert(0, ("", field.setting.auto or "–"))
    box = Select([(str(value), label) for value, label in options])
    box.setMinimumWidth(WIDE)
    editor = Editor(box, lambda value: box.set_value("" if value is None else str(value)))
    box.changed.connect(lambda text: editor.edited.emit(field.type(text) if text else None))
    return editor


def _switch(field: SettingField) -> Editor:
    switch = Switch()
    editor = Editor(switch, lambda value: _quietly(switch, lambda: switch.setChecked(bool(value))))

    def tell(is_on: bool) -> None:
        editor.edited.emit(is_on)

    switch.toggled.connect(tell)
    return editor


def _number(field: SettingField) -> Editor:
    limits = field.setting
    auto = (limits.auto or "–") if field.optional else ""
    box = NumberBox(None, limits.low, limits.high, whole=field.type is int, auto=auto)
    box.setFixedWidth(NARROW)
    box.show_arrows()
    editor = Editor(box, lambda value: box.set_value(value if isinstance(value, int | float) else None))
    box.changed.connect(editor.edited)
    box.refused.connect(editor.refused)
    return editor


def _text(field: SettingField) -> Editor:
    line = QLineEdit()
    line.setMinimumWidth(WIDE)
    if field.optional:
        line.setPlaceholderText(field.setting.auto)
    editor = Editor(
        line, lambda value: _quietly(line, lambda: line.setText("" if value is None else str(value)))
    )

    def tell() -> None:
        text = line.text().strip()
        editor.edited.emit(None if field.optional and text in ("", field.setting.auto) else text)

    line.editingFinished.connect(tell)
    return editor


def _texts(field: SettingField) -> Editor:
    box = QPlainTextEdit()
    box.setMinimumWidth(WIDE + 60)
    box.setFixedHeight(64)
    box.setTabChangesFocus(True)
    box.setPlaceholderText(box.tr("One a line"))

    def show(value: object) -> None:
        text = "\n".join(value) if isinstance(value, tuple | list) else ""
        if [line.strip() for line in box.toPlainText().splitlines() if line.strip()] != text.splitlines():
            _quietly(box, lambda: box.setPlainText(text))

    editor = Editor(box, show)

    def tell() -> None:
        lines = tuple(line.strip() for line in box.toPlainText().splitlines() if line.strip())
        editor.edited.emit(lines)

    box.textChanged.connect(tell)
    return editor


def _quietly(widget: QWidget, act: Callable[[], object]) -> None:
    widget.blockSignals(True)
    act()
    widget.blockSignals(False)


_MAKERS: dict[type, Callable[[SettingField], Editor]] = {
    bool: _switch,
    int: _number,
    float: _number,
    str: _text,
    tuple: _texts,
}
