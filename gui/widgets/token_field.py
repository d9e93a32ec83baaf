"""A secret to type in: never shown again, replaced or removed."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QWidget

from gui.widgets.buttons import Button


class TokenField(QWidget):
    """`saved(str)` with what was typed; `removed` when the kept one is to be forgotten."""

    saved = Signal(str)
    removed = Signal()

    def __init__(self, *, has_token: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.edit = QLineEdit()
        self.edit.setEchoMode(QLineEdit.EchoMode.Password)
        self.edit.setAccessibleName(self.tr("Access token"))
        self.edit.setFixedWidth(124)
        self.edit.textChanged.connect(self._refresh)
        self.edit.returnPressed.connect(self._press)
        self.button = Button("", compact=True)
        self.button.clicked.connect(self._press)
        row.addWidget(self.edit)
        row.addWidget(self.button)
        self.set_has_token(has_token)

    def set_has_token(self, has_token: bool) -> None:
        """Show whether one is kept."""
        self._has_token = has_token
        self.edit.clear()
        self.edit.setPlaceholderText("••••••••••••" if has_token else self.tr("hf_…"))
        self._refresh()

    def _refresh(self) -> None:
        removes = self._has_token and not self.edit.text()
        self.button.set_label(self.tr("Remove") if removes else self.tr("Save"))
        self.button.setEnabled(removes or bool(self.edit.text().strip()))

    def _press(self) -> None:
        if self.edit.text().strip():
            self.saved.emit(self.edit.text().strip())
        elif self._has_token:
            self.removed.emit()
