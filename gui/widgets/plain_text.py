"""Read-only text of a model or a file: never markup, selectable, as tall as its content up to a limit."""

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSizePolicy, QWidget

from gui import theme
from gui.widgets.look import set_look


class PlainText(QPlainTextEdit):
    """`set_text` replaces, `append_text` adds without losing a selection or the place. `lines` limits the height."""

    def __init__(
        self, text: str = "", name: str = "", lines: int = 12, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        set_look(self, role="plain")
        self._lines = lines
        self.setReadOnly(True)
        self.setUndoRedoEnabled(False)
        self.setTabChangesFocus(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setAccessibleName(name)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setSizePolicy(
            QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed if lines else QSizePolicy.Policy.Expanding
        )
        self.document().setDocumentMargin(0)
        self.viewport().setAutoFillBackground(False)
        self.textChanged.connect(self._grow)
        theme.changed.connect(self._grow)
        self.set_text(text)

    def set_text(self, text: str) -> None:
        """Show this text; nothing in it is interpreted."""
        if text != self.toPlainText():
            self.setPlainText(text)
        self._grow()

    def append_text(self, text: str) -> None:
        """Add text at the end, keeping the view at the end if it was there."""
        bar = self.verticalScrollBar()
        was_at_end = bar.value() >= bar.maximum() - 2
        cursor = self.textCursor()
        cursor.movePosition(cursor.MoveOperation.End)
        cursor.insertText(text)
        if was_at_end:
            bar.setValue(bar.maximum())

    def sizeHint(self) -> QSize:
        return QSize(200, self._wanted_height())

    def minimumSizeHint(self) -> QSize:
        return QSize(60, self._wanted_height() if self._lines else self.fontMetrics().lineSpacing())

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if event.oldSize().width() != event.size().width():
            self._grow()

    def _wanted_height(self) -> int:
        spacing = self.fontMetrics().lineSpacing()
        shown = max(1, round(self.document().size().height()))
        return min(shown, self._lines or shown) * spacing + 2

    def _grow(self) -> None:
        fits = self.document().size().height() <= (self._lines or 1e9)
        policy = (
            Qt.ScrollBarPolicy.ScrollBarAlwaysOff
            if fits and self._lines
            else Qt.ScrollBarPolicy.ScrollBarAsNeeded
        )
        self.setVerticalScrollBarPolicy(policy)
        self.updateGeometry()
