"""Dialogs in the window's style: a question with named answers, and the list of keyboard shortcuts."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QDialog, QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets.buttons import Button
from gui.widgets.labels import Label, Line


class ConfirmDialog(QDialog):
    """A question. `answers` are (value, label, kind) triples; the last one is the default. `ask()` gives the value.

    Escape, or closing the dialog, gives "".
    """

    def __init__(
        self, title: str, text: str, answers: Sequence[tuple[str, str, str]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(title)
        self.setModal(True)
        self.answer = ""
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(Label(title, "heading", wrap=True))
        words = Label(text, "muted", wrap=True)
        words.setMinimumWidth(380)
        layout.addWidget(words)
        layout.addSpacing(6)
        row = QHBoxLayout()
        row.addStretch(1)
        self.buttons = {value: self._button(value, label, kind) for value, label, kind in answers}
        for button in self.buttons.values():
            row.addWidget(button)
        default = list(self.buttons.values())[-1]
        default.setDefault(True)
        default.setFocus()
        layout.addLayout(row)

    def ask(self) -> str:
        """Show the dialog and wait; the value of the answer, "" when it was closed."""
        self.exec()
        return self.answer

    def _button(self, value: str, label: str, kind: str) -> Button:
        button = Button(label, kind)
        button.setAutoDefault(False)
        button.setProperty("answer", value)
        button.clicked.connect(self._take)
        return button

    def _take(self) -> None:
        sender = self.sender()
        self.answer = str(sender.property("answer")) if sender else ""
        self.accept()


class ShortcutDialog(QDialog):
    """`groups` are (heading, [(what it does, key sequence), ...]) pairs."""

    def __init__(
        self, groups: Sequence[tuple[str, Sequence[tuple[str, str]]]], parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        self.setWindowTitle(self.tr("Keyboard shortcuts"))
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(Label(self.tr("Keyboard shortcuts"), "heading"))
        grid = QGridLayout()
        grid.setHorizontalSpacing(40)
        grid.setVerticalSpacing(8)
        for heading, shortcuts in groups:
            _add_group(grid, heading, shortcuts)
        layout.addLayout(grid)
        close = Button(self.tr("Close"))
        close.clicked.connect(self.accept)
        close.setDefault(True)
        layout.addWidget(close, 0, Qt.AlignmentFlag.AlignRight)


def _add_group(grid: QGridLayout, heading: str, shortcuts: Sequence[tuple[str, str]]) -> None:
    if grid.rowCount() > 1:
        grid.addWidget(Line(), grid.rowCount(), 0, 1, 2)
    grid.addWidget(Label(heading, "small"), grid.rowCount(), 0, 1, 2)
    for what, keys in shortcuts:
        row = grid.rowCount()
        native = QKeySequence(keys).toString(QKeySequence.SequenceFormat.NativeText)
        grid.addWidget(Label(what), row, 0)
        grid.addWidget(Label(native, "strong"), row, 1)
