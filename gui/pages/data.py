"""Data: drop it, see what it is, and see exactly what the model will see of it."""

import dataclasses
from functools import partial
from pathlib import Path

from PySide6.QtWidgets import (
    QFileDialog,
    QHBoxLayout,
    QInputDialog,
    QMenu,
    QStackedWidget,
    QVBoxLayout,
    QWidget,
)

from engine.job.events import Inspected, RowView
from engine.job.sections import DataSource
from engine.library.folders import data_folder, samples_folder
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.data_lengths import LengthsCard
from gui.pages.data_remarks import RemarksCard
from gui.pages.data_rows import RowsCard
from gui.pages.data_shape import ShapeCard
from gui.pages.data_tokens import TokensCard
from gui.pages.page import Page
from gui.state.app_state import AppState
from gui.state.inspection import with_column
from gui.state.words import count_words, data_words, size_words
from gui.widgets.buttons import Button
from gui.widgets.drop_zone import DropZone
from gui.widgets.notice import Notice

HELP = QT_TRANSLATE_NOOP(
    "DataPage",
    "Each row is one example. The model reads the grey part and learns the coloured part. What you see below is "
    "exactly what it gets, token by token.",
)
FILTER = "Examples (*.jsonl *.json *.csv *.tsv *.parquet *.txt);;All files (*)"


class DataPage(Page):
    """Wires the cards to the inspection of the draft's data."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state, QT_TRANSLATE_NOOP("DataPage", "Data"), "", HELP)
        self.inspection = state.inspection
        self._add_buttons()
        self.stack = QStackedWidget()
        self.drop = self._drop_view()
        self.stack.addWidget(self.drop)
        self.view = self._data_view()
        self.stack.addWidget(self.view)
        self.body.addWidget(self.stack, 1)
        self._connect()
        self._refresh()

    def entered(self) -> None:
        """Read the draft's data."""
        self.inspection.show()
        self._refresh()

    def left(self) -> None:
        """Nothing new is read while another page is open."""
        self.inspection.hide()

    # Building

    def _add_buttons(self) -> None:
        self.samples_button = Button(self.tr("Samples"), "secondary", "book-open")
        self.paste_button = Button(self.tr("Paste text…"), "secondary", "clipboard")
        self.file_button = Button(self.tr("Choose a file…"), "secondary", "file-up")
        self.next_button = Button(self.tr("Next: Method"), "primary", "arrow-right", icon_last=True)
        for button in (self.samples_button, self.paste_button, self.file_button, self.next_button):
            self.header.add_button(button)
        self.samples_button.clicked.connect(self._samples_menu)
        self.paste_button.clicked.connect(self._paste)
        self.file_button.clicked.connect(self._choose)
        self.next_button.clicked.connect(lambda: self.state.navigate.emit("method"))

    def _drop_view(self) -> QWidget:
        view = QWidget()
        layout = QVBoxLayout(view)
        layout.addStretch(1)
        zone = DropZone(
            self.tr("Drop a file of examples here, or click to choose one"),
            self.tr("JSON Lines, JSON, CSV, TSV, Parquet or plain text; several files at once are fine"),
        )
        zone.setMinimumHeight(200)
        zone.clicked.connect(self._choose)
        zone.dropped.connect(self.state.open_paths)
        layout.addWidget(zone)
        self.recent = QHBoxLayout()
        layout.addLayout(self.recent)
        layout.addStretch(2)
        return view

    def _data_view(self) -> QWidget:
        self.shape = ShapeCard()
        self.rows = RowsCard(self.inspection)
        self.tokens = TokensCard()
        self.lengths = LengthsCard(self.state)
        self.remarks = RemarksCard(self.state)
        view = QWidget()
        layout = QVBoxLayout(view)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        layout.addWidget(self.shape)
        columns = QHBoxLayout()
        columns.setSpacing(14)
        left, right = QVBoxLayout(), QVBoxLayout()
        for column in (left, right):
            column.setSpacing(12)
        left.addWidget(self.rows, 53)
        left.addWidget(self.tokens, 47)
        right.addWidget(self.lengths, 53)
        right.addWidget(self.remarks, 47)
        columns.addLayout(left, 63)
        columns.addLayout(right, 37)
        layout.addLayout(columns, 1)
        return view

    def _connect(self) -> None:
        self.inspection.changed.connect(self._refresh)
        self.inspection.rows_arrived.connect(self.rows.refresh)
        self.inspection.row_shown.connect(self._show_row)
        self.state.draft.changed.connect(self._refresh)
        self.rows.role_chosen.connect(self._choose_role)
        self.tokens.changed.connect(self.state.draft.set_value)
        self.shape.shape_chosen.connect(self._choose_shape)
        self.shape.method_asked.connect(self._choose_method)

    # Choosing data

    def _choose(self) -> None:
        names, _ = QFileDialog.getOpenFileNames(
            self, self.tr("Choose files of examples"), str(data_folder()), self.tr(FILTER)
        )
        if names:
            self.state.open_paths([Path(name) for name in names])

    def _samples_menu(self) -> None:
        menu = QMenu(self)
        for path in sorted(samples_folder().glob("*.jsonl")):
            menu.addAction(path.stem.capitalize(), partial(self.state.open_paths, [path]))
        menu.exec(self.samples_button.mapToGlobal(self.samples_button.rect().bottomLeft()))

    def _paste(self) -> None:
        text, is_given = QInputDialog.getMultiLineText(
            self,
            self.tr("Paste text"),
            self.tr('Rows in JSON Lines, such as {"instruction": "…", "response": "…"}:'),
        )
        if not is_given or not text.strip():
            return
        folder = data_folder()
        try:
            folder.mkdir(parents=True, exist_ok=True)
            path = _unused(folder / "pasted.jsonl")
            path.write_text(text.strip() + "\n", encoding="utf-8")
        except OSError as error:
            self.state.notice.emit(
                "error", f"{folder} cannot be written: {error.strerror}.", "Check the folder."
            )
            return
        self.state.open_paths([path])

    def _choose_role(self, column: str, role: str) -> None:
        found = self.inspection.inspected
        roles = found.roles if found else {}
        sources = tuple(with_column(source, column, role, roles) for source in self.state.draft.job.data)
        self.state.draft.set_data(sources)

    def _choose_shape(self, shape: str) -> None:
        sources = [dataclasses.replace(s, shape=shape, columns={}) for s in self.state.draft.job.data]
        self.state.draft.set_data(tuple(sources))

    def _choose_method(self, kind: str) -> None:
        self.state.draft.set_kind("method", kind)

    # Showing

    def _refresh(self) -> None:
        job = self.state.draft.job
        has_data = bool(job.data)
        self.stack.setCurrentWidget(self.view if has_data else self.drop)
        self.file_button.set_label(self.tr("Replace file…") if has_data else self.tr("Choose a file…"))
        self.next_button.setVisible(has_data)
        found = self.inspection.inspected
        self.header.set_subtitle(self._subtitle(job.data, found))
        self._refresh_recent(has_data)
        self._show_failure()
        is_usable = found is not None and self.inspection.failure is None
        is_known = found is None or bool(found.rows_kind)
        for card in (self.rows, self.tokens, self.lengths, self.remarks):
            is_wanted = is_usable or (has_data and self.inspection.failure is None)
            card.setVisible(is_wanted and (is_known or card in (self.rows, self.remarks)))
        self.shape.fill(found, job.method_card, self.inspection.phase, self.inspection.failure is not None)
        self.tokens.fill(job)
        if found is not None:
            self.rows.show_columns(found)
            self.lengths.fill(found)
            self.remarks.fill(found)

    def _subtitle(self, sources: tuple[DataSource, ...], found: Inspected | None) -> str:
        if not sources:
            return self.tr("What the model should learn from.")
        parts = [data_words(self.state.draft.job)]
        if found is not None:
            word = self.tr("pairs") if found.rows_kind == "preference" else self.tr("rows")
            parts += [f"{count_words(found.rows)} {word}", size_words(found.bytes)]
        return " · ".join(parts)

    def _refresh_recent(self, has_data: bool) -> None:
        if has_data or self.recent.count():
            return
        for name in self.state.preferences.recent_data:
            if Path(name).exists():
                button = Button(Path(name).name, "secondary", "history", compact=True)
                button.clicked.connect(lambda _checked=False, name=name: self.state.open_paths([Path(name)]))
                self.recent.addWidget(button)
        self.recent.addStretch(1)

    def _show_failure(self) -> None:
        failure = self.inspection.failure
        if failure is None:
            self.notices.clear("failure")
            return
        actions = [
            (self.tr("Try again"), self.inspection.retry),
            (self.tr("Choose another file…"), self._choose),
        ]
        if self.state.draft.job.rows.malformed == "stop":
            actions.insert(0, (self.tr("Skip malformed lines"), self._skip_malformed))
        self.notices.show_notice("failure", Notice("error", *failure, actions))

    def _skip_malformed(self) -> None:
        self.state.draft.set_value("rows.malformed", "skip")

    def _show_row(self, row: object) -> None:
        assert isinstance(row, RowView)
        self.tokens.show_row(row)


def _unused(path: Path) -> Path:
    number, candidate = 2, path
    while candidate.exists():
        candidate = path.with_stem(f"{path.stem}-{number}")
        number += 1
    return candidate
