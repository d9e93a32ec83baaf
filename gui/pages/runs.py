"""Runs: every run with its settings, curve and votes; overlay several; compare, export, resume, name, delete."""

import dataclasses
import time
from pathlib import Path

from PySide6.QtCore import QLocale, Qt, QUrl
from PySide6.QtGui import QDesktopServices, QKeySequence, QShortcut
from PySide6.QtWidgets import QFileDialog, QInputDialog, QMenu

from engine.job.errors import EngineError
from engine.job.record import read_record, update_record
from engine.library.runs import delete_run, restore_run
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.page import Page
from gui.pages.runs_details import RunsDetails
from gui.state.app_state import AppState, has_checkpoints
from gui.state.runs import RunRow, RunsState
from gui.state.words import capital, method_words, number_words
from gui.widgets.buttons import Button, IconButton
from gui.widgets.card import Card
from gui.widgets.empty_state import EmptyState
from gui.widgets.flow import Flow
from gui.widgets.labels import Label
from gui.widgets.notice import Notice
from gui.widgets.run_table import RunTable, TableRow
from gui.widgets.search_field import SearchField

HELP = QT_TRANSLATE_NOOP(
    "RunsPage",
    "A run is a folder on this computer: its settings, its history, its checkpoints and its result. Choose several "
    "to lay their curves over each other and to see only the settings that differ.",
)
STATUS = {
    "created": ("Waiting", ""),
    "starting": ("Starting", "accent"),
    "running": ("Running", "accent"),
    "paused": ("Paused", "warn"),
    "done": ("Done", "good"),
    "stopped": ("Stopped", "warn"),
    "discarded": ("Discarded", "warn"),
    "failed": ("Failed", "bad"),
    "lost": ("Cut off", "bad"),
}
TABLE_HEIGHT = 240


class RunsPage(Page):
    """Wires table, actions and details to the run store."""

    def __init__(self, state: AppState) -> None:
        subtitle = QT_TRANSLATE_NOOP("RunsPage", "Every run with its settings, curves and votes.")
        super().__init__(state, QT_TRANSLATE_NOOP("RunsPage", "Runs"), subtitle, HELP)
        self.runs = RunsState(self)
        self.search = SearchField(self.tr("Filter by name, model or method"))
        self.search.setFixedWidth(256)
        self.watch_button = Button(self.tr("Open a run folder…"), "secondary", "folder-open")
        self.header.add_button(self.search)
        self.header.add_button(self.watch_button)
        self.empty = EmptyState(
            "history",
            self.tr("No runs yet"),
            self.tr("Your first run appears here as soon as it is started."),
        )
        self.table_card = Card(padding=12)
        self.table = RunTable()
        self.table_card.body.addWidget(self.table)
        self.table_card.setFixedHeight(TABLE_HEIGHT)
        self.details = RunsDetails()
        self.body.addWidget(self.empty, 1)
        self.body.addWidget(self.table_card)
        self.body.addLayout(self._actions())
        self.body.addWidget(self.details, 1)
        self._connect()
        self._refresh()

    def entered(self) -> None:
        """Read the store again."""
        self.runs.read()
        self.table.setFocus()

    def chosen(self) -> list[RunRow]:
        """The checked runs in the order of their colours, or the one under the cursor."""
        by_key = {str(row.folder): row for row in self.runs.rows}
        checked = [by_key[key] for key in self.table.rows_model.checked if key in by_key]
        current = by_key.get(self.table.current_key())
        return checked or ([current] if current else [])

    # Building

    def _actions(self) -> Flow:
        row = Flow()
        self.count = Label("", "strong")
        self.clear_button = Button(self.tr("Clear"), "link")
        row.addWidget(self.count)
        row.addWidget(self.clear_button)
        row.add_spring()
        self.compare_button = Button(self.tr("Compare answers"), "primary", "columns-2")
        self.export_button = Button(self.tr("Export"), "secondary", "package")
        self.resume_button = Button(self.tr("Resume"), "secondary", "play")
        self.use_button = Button(self.tr("Use these settings"), "secondary", "sliders-horizontal")
        self.notes_button = Button(self.tr("Notes"), "secondary", "notebook-pen")
        self.more_button = IconButton("ellipsis", self.tr("More"))
        self.delete_button = Button(self.tr("Delete"), "danger", "trash-2")
        self.buttons = (
            self.compare_button,
            self.export_button,
            self.resume_button,
            self.use_button,
            self.notes_button,
            self.delete_button,
            self.more_button,
        )
        for button in self.buttons:
            row.addWidget(button)
        return row

    def _connect(self) -> None:
        self.search.textChanged.connect(self.table.set_filter)
        self.runs.changed.connect(self._fill)
        self.state.runs_changed.connect(self._follow)
        self.table.rows_model.checked_changed.connect(self._refresh)
        self.table.selectionModel().currentChanged.connect(lambda *_: self._refresh())
        self.table.opened.connect(self._watch)
        self.watch_button.clicked.connect(self._open_folder)
        self.clear_button.clicked.connect(lambda: self.table.rows_model.set_checked([]))
        self.compare_button.clicked.connect(self._compare)
        self.export_button.clicked.connect(self._export)
        self.resume_button.clicked.connect(self._resume)
        self.use_button.clicked.connect(self._use)
        self.notes_button.clicked.connect(self._notes)
        self.delete_button.clicked.connect(self._delete)
        self.more_button.clicked.connect(self._menu)
        rename = QShortcut(QKeySequence(Qt.Key.Key_F2), self)
        rename.activated.connect(self._rename)
        delete = QShortcut(QKeySequence(Qt.Key.Key_Delete), self.table)
        delete.setContext(Qt.ShortcutContext.WidgetShortcut)
        delete.activated.connect(self._delete)

    # Showing

    def _follow(self) -> None:
        if self.is_in_view:
            self.runs.read()

    def _fill(self) -> None:
        is_first = not self.table.rows_model.rows
        self.table.rows_model.set_rows([_table_row(row) for row in self.runs.rows])
        if is_first and self.runs.rows:
            self.table.rows_model.set_checked([str(self.runs.rows[0].folder)])
        self._refresh()

    def _refresh(self) -> None:
        has_rows = bool(self.runs.rows)
        self.empty.setVisible(not has_rows and self.runs.has_read)
        for widget in (self.table_card, self.details, *self.buttons, self.count, self.clear_button):
            widget.setVisible(has_rows)
        chosen = self.chosen()
        checked = len(self.table.rows_model.checked)
        word = self.tr("1 run selected") if checked == 1 else self.tr("{n} runs selected").format(n=checked)
        self.count.setText(word if checked else self.tr("Check runs to compare their curves"))
        self.clear_button.setVisible(has_rows and checked > 0)
        for button in self.buttons:
            button.setEnabled(bool(chosen))
        one = chosen[0] if len(chosen) == 1 else None
        can_resume = one is not None and one.record.status in ("stopped", "failed", "lost", "created")
        self.resume_button.setVisible(has_rows and can_resume)
        self.notes_button.setEnabled(one is not None)
        self.use_button.setEnabled(one is not None and one.job is not None)
        self.export_button.setEnabled(one is not None and _has_result(one.folder))
        self.compare_button.setEnabled(any(_has_result(row.folder) for row in chosen))
        self.details.show_runs(chosen)

    # Actions

    def _compare(self) -> None:
        folders = [row.folder for row in self.chosen() if _has_result(row.folder)]
        self.state.compare_asked.emit(folders)

    def _export(self) -> None:
        self.state.export_asked.emit(self.chosen()[0].folder)

    def _resume(self) -> None:
        if self.state.resume_run(self.chosen()[0].folder) is not None:
            self.state.navigate.emit("train")

    def _use(self) -> None:
        job = self.chosen()[0].job
        if job is not None:
            self.state.draft.replace(job)
            self.state.close_run()
            self.state.navigate.emit("method")

    def begin_from(self, folder: Path) -> None:
        """The draft's model becomes what this run learned: instruction tuning, then preference, for example."""
        draft = self.state.draft
        model = dataclasses.replace(draft.job.model, source=str(folder), revision=None)
        draft.replace(dataclasses.replace(draft.job, model=model, name=""))
        self.state.close_run()
        self.state.navigate.emit("data")

    def _watch(self, key: str) -> None:
        self._show_on_train(Path(key))

    def _show_on_train(self, folder: Path) -> None:
        run = self.state.run
        if run is not None and run.is_active and run.folder != folder:
            self.state.notice.emit(
                "warn", self.tr("Another run is going."), self.tr("It stays on the Train page.")
            )
            return
        if run is None or run.folder != folder:
            self.state.watch_run(folder)
        self.state.navigate.emit("train")

    def _open_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Open a run folder"))
        if not name:
            return
        try:
            read_record(Path(name))
        except EngineError as error:
            self.state.notice.emit("error", error.title, error.advice)
            return
        self._show_on_train(Path(name))

    def _menu(self) -> None:
        chosen = self.chosen()
        if not chosen:
            return
        folder = chosen[0].folder
        menu = QMenu(self)
        menu.addAction(self.tr("Show on the Train page"), lambda: self._show_on_train(folder))
        begin = menu.addAction(self.tr("Begin a new run from its result"), lambda: self.begin_from(folder))
        begin.setEnabled(_has_result(folder))
        menu.addAction(self.tr("Rename…"), self._rename, QKeySequence(Qt.Key.Key_F2))
        url = QUrl.fromLocalFile(str(folder))
        menu.addAction(self.tr("Show in the file manager"), lambda: QDesktopServices.openUrl(url))
        menu.exec(self.more_button.mapToGlobal(self.more_button.rect().bottomLeft()))

    def _rename(self) -> None:
        chosen = self.chosen()
        if not chosen:
            return
        row = chosen[0]
        text, is_given = QInputDialog.getText(
            self, self.tr("Rename the run"), self.tr("Name:"), text=row.record.name
        )
        if is_given and text.strip():
            self.state.rename_run(row.folder, text.strip())

    def _notes(self) -> None:
        row = self.chosen()[0]
        title, label = self.tr("Notes"), self.tr("Notes on “{name}”:").format(name=row.record.name)
        text, is_given = QInputDialog.getMultiLineText(self, title, label, row.record.notes)
        if is_given:
            try:
                update_record(row.folder, notes=text)
            except EngineError as error:
                self.state.notice.emit("error", error.title, error.advice)
            self.runs.read()

    def _delete(self) -> None:
        trashed: list[Path] = []
        for row in self.chosen():
            shown = self.state.run
            if shown is not None and shown.folder == row.folder:
                self.state.close_run()
            try:
                trashed.append(delete_run(row.folder))
            except EngineError as error:
                self.state.notice.emit("error", error.title, error.advice)
        if not trashed:
            return

        def undo() -> None:
            for folder in trashed:
                try:
                    restore_run(folder)
                except EngineError as error:
                    self.state.notice.emit("error", error.title, error.advice)
            self.notices.clear("deleted")
            self.runs.read()

        title = self.tr("Moved to the trash.")
        notice = Notice("info", title, "", [(self.tr("Undo"), undo)], dismissible=True)
        self.notices.show_notice("deleted", notice)
        self.runs.read()


def _has_result(folder: Path) -> bool:
    return (folder / "adapter").is_dir() or has_checkpoints(folder)


def _table_row(row: RunRow) -> TableRow:
    record = row.record
    words, tone = STATUS.get(record.status, (record.status, ""))
    votes = record.votes
    return TableRow(
        key=str(row.folder),
        name=record.name,
        model=f"↳ {row.parent}" if row.parent else record.model,
        method=capital(method_words(row.job)) if row.job else record.method,
        when=_when(record.created),
        points=tuple(row.curves.spark()),
        best=number_words(record.best_loss),
        status=words,
        tone=tone,
        votes=f"{votes.get('run', 0)} : {votes.get('base', 0)}" if votes else "–",
    )


def _when(created: float) -> str:
    now, then = time.localtime(), time.localtime(created)
    days = (time.mktime(now) - time.mktime(then)) / 86400
    if now[:3] == then[:3]:
        return time.strftime("Today, %H:%M", then)
    if days < 6:
        return QLocale().dayName(then.tm_wday + 1)
    return time.strftime("%Y-%m-%d", then)
