"""Pasting rows: a box that says at once what the text is."""

from pathlib import Path

from PySide6.QtWidgets import QDialog, QHBoxLayout, QPlainTextEdit, QVBoxLayout, QWidget

from engine.job.errors import EngineError
from gui.state.app_state import AppState
from gui.state.pasted import keep, recognise
from gui.state.words import count_words
from gui.widgets.buttons import Button
from gui.widgets.labels import Label


class PasteDialog(QDialog):
    """`path` is the file that keeps what was pasted, once the dialog was accepted."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.path: Path | None = None
        self.setWindowTitle(self.tr("Paste rows"))
        self.setModal(True)
        self.resize(640, 420)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(24, 20, 24, 20)
        layout.setSpacing(10)
        layout.addWidget(Label(self.tr("Paste rows"), "heading"))
        words = self.tr("From a table, a JSON file or a text. They are kept as a file in your data folder.")
        layout.addWidget(Label(words, "muted", wrap=True))
        self.edit = QPlainTextEdit()
        self.edit.setAccessibleName(self.tr("Rows"))
        self.edit.setPlaceholderText(self.tr('{"instruction": "…", "response": "…"}'))
        self.edit.setTabChangesFocus(False)
        self.edit.textChanged.connect(self._refresh)
        layout.addWidget(self.edit, 1)
        row = QHBoxLayout()
        row.setSpacing(8)
        self.words = Label("", "small")
        self.cancel_button = Button(self.tr("Cancel"))
        self.cancel_button.setAutoDefault(False)
        self.cancel_button.clicked.connect(self.reject)
        self.use_button = Button(self.tr("Use these rows"), "primary")
        self.use_button.setAutoDefault(False)
        self.use_button.clicked.connect(self._keep)
        row.addWidget(self.words, 1)
        row.addWidget(self.cancel_button)
        row.addWidget(self.use_button)
        layout.addLayout(row)
        self._refresh()

    def _refresh(self) -> None:
        found = recognise(self.edit.toPlainText())
        self.use_button.setEnabled(found is not None)
        kinds = {
            ".jsonl": self.tr("JSON Lines"),
            ".json": self.tr("JSON"),
            ".tsv": self.tr("a table with tabs"),
            ".csv": self.tr("a table with commas"),
            ".txt": self.tr("plain text"),
        }
        if found is None:
            self.words.setText(self.tr("Nothing pasted yet."))
            return
        words = (
            self.tr("Looks like {kind}, 1 row.")
            if found.rows == 1
            else self.tr("Looks like {kind}, {n} rows.")
        )
        self.words.setText(words.format(kind=kinds[found.suffix], n=count_words(found.rows)))

    def _keep(self) -> None:
        text = self.edit.toPlainText()
        found = recognise(text)
        if found is None:
            return
        try:
            self.path = keep(text, found)
        except EngineError as error:
            self._state.notice.emit("error", error.title, error.advice)
        self.accept()
