"""A line to search with: magnifier before, clear button behind, Escape empties it."""

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from gui import theme
from gui.theme import icons


class SearchField(QLineEdit):
    """`textChanged` as with any line edit."""

    def __init__(self, placeholder: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setPlaceholderText(placeholder)
        self.setAccessibleName(placeholder)
        self._lens = QAction(self)
        self._cross = QAction(self)
        self._cross.setToolTip(self.tr("Clear"))
        self._cross.triggered.connect(self.clear)
        self.addAction(self._lens, QLineEdit.ActionPosition.LeadingPosition)
        self.addAction(self._cross, QLineEdit.ActionPosition.TrailingPosition)
        self._cross.setVisible(False)
        self.textChanged.connect(self._show_cross)
        theme.changed.connect(self._refresh)
        self._refresh()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Escape and self.text():
            self.clear()
            return
        super().keyPressEvent(event)

    def _show_cross(self, text: str) -> None:
        self._cross.setVisible(bool(text))

    def _refresh(self) -> None:
        self._lens.setIcon(icons.icon("search", "muted"))
        self._cross.setIcon(icons.icon("x", "muted"))
