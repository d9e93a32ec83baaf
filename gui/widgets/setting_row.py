"""One line of a settings page: label with its term, help below, the editor at the right end."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets.labels import Label, TermLabel


class SettingRow(QWidget):
    """`editor` gets the label as its name. `set_help` changes the line below."""

    def __init__(
        self, label: str, help: str, *editors: QWidget, term: str = "", parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 4, 0, 4)
        row.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(1)
        self.label = TermLabel(label, term)
        self._help = Label(help, "small", wrap=True)
        self._help.setMinimumWidth(80)  # a long path must not widen the page
        words.addWidget(self.label)
        words.addWidget(self._help)
        row.addLayout(words, 1)
        for editor in editors:
            row.addWidget(editor)
        if len(editors) == 1 and not editors[0].accessibleName():
            self.label.set_buddy(editors[0])

    def set_help(self, text: str) -> None:
        """Change the line below the label."""
        self._help.setText(text)
