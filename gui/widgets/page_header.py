"""The top of a page: title, one line about it, "What is this?", and the page's buttons on the right."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.widgets.buttons import Button
from gui.widgets.labels import ElidedLabel, Label


class PageHeader(QWidget):
    """`help` is the text that "What is this?" reveals; without it there is no such link."""

    def __init__(self, title: str, subtitle: str = "", help: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(6)
        top = QHBoxLayout()
        top.setSpacing(8)
        words = QVBoxLayout()
        words.setSpacing(0)
        self._title = ElidedLabel(title, "title")
        self._subtitle = ElidedLabel(subtitle, "muted")
        self._help = Label(help, "muted", wrap=True)
        self._help.hide()
        words.addWidget(self._title)
        words.addLayout(self._second_line(bool(help)))
        top.addLayout(words, 1)
        self._buttons = QHBoxLayout()
        self._buttons.setSpacing(8)
        top.addLayout(self._buttons)
        outer.addLayout(top)
        outer.addWidget(self._help)

    def set_title(self, title: str) -> None:
        """Change the title."""
        self._title.setText(title)

    def set_subtitle(self, text: str) -> None:
        """Change the line below the title."""
        self._subtitle.setText(text)

    def add_button(self, widget: QWidget) -> None:
        """Put a button, badge or other widget at the right end."""
        self._buttons.addWidget(widget)

    def _second_line(self, has_help: bool) -> QHBoxLayout:
        line = QHBoxLayout()
        line.setSpacing(6)
        line.addWidget(self._subtitle)
        if has_help:
            dot = Label("·", "muted")
            self.help_link = Button(self.tr("What is this?"), "link")
            self.help_link.setCheckable(True)
            self.help_link.toggled.connect(self._help.setVisible)
            line.addWidget(dot)
            line.addWidget(self.help_link)
        line.addStretch(1)
        return line
