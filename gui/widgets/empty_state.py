"""What stands where there is nothing yet: an icon, a sentence, and the way on."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.widgets.buttons import Button
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label


class EmptyState(QWidget):
    """Centred; add buttons with `add_button`."""

    def __init__(self, icon: str, title: str, text: str = "", parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._layout = QVBoxLayout(self)
        self._layout.setSpacing(10)
        self._title = Label(title, "heading", wrap=True)
        self._text = Label(text, "muted", wrap=True)
        self._layout.addStretch(1)
        self._layout.addWidget(IconLabel(icon, "muted", 20, "note"), 0, Qt.AlignmentFlag.AlignHCenter)
        for label in (self._title, self._text):
            label.setAlignment(Qt.AlignmentFlag.AlignCenter)
            self._layout.addWidget(label)
        self._text.setVisible(bool(text))
        self._layout.addStretch(1)

    def set_texts(self, title: str, text: str = "") -> None:
        """Change the words."""
        self._title.setText(title)
        self._text.setText(text)
        self._text.setVisible(bool(text))

    def add_button(self, button: Button) -> None:
        """Put a button below the words."""
        self._layout.insertWidget(self._layout.count() - 1, button, 0, Qt.AlignmentFlag.AlignHCenter)
