"""The draft's data as the Data page shows it: read and tokenised by the engine, rows fetched as they scroll by."""

import dataclasses
from pathlib import Path
from typing import cast

from PySide6.QtCore import QObject, QTimer, Signal

from engine.data.dataset import mismatch
from engine.data.reading import SKIPPING
from engine.data.rows import RowKind
from engine.job.commands import Show
from engine.job.events import Event, Failed, Inspected, Lost, Phase, Progress, RowsShown, RowView
from engine.job.job import Job
from engine.job.sections import DataSource
from engine.job.tasks import InspectTask
from engine.library.estimate import RowStats
from gui.engine_thread import EngineThread
from gui.state.costs import room_of, stats_of
from gui.state.draft import Draft
from gui.state.task import EngineTask

WAIT_MILLISECONDS = 250
PAGE = 100
MOST_PAGES = 50


class InspectionState(QObject):
    """`changed` for everything but rows; `rows_arrived` when rows that were missing came; `row_shown(RowView)`.

    `settled` when all is known of the data, or that it cannot be used.
    """

    changed = Signal()
    rows_arrived = Signal()
    row_shown = Signal(object)
    settled = Signal()

    def __init__(self, engine: EngineThread, draft: Draft, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._draft = draft
        self.stats: RowStats | None = None
        self._task = EngineTask(engine, self)
        self._task.told.connect(self._take)
        self._task.refused.connect(self._fail)
        self._timer = QTimer(self, singleShot=True, interval=WAIT_MILLISECONDS)
        self._timer.timeout.connect(self._start)
        self._inspected_job: Job | None = None
        self.is_shown = False
        self._clear()
        draft.changed.connect(self._follow_draft)

    def show(self) -> None:
        """The page came into view: read the data unless it was read already."""
        self.is_shown = True
        self._follow_draft()

    def hide(self) -> None:
        """Another page came into view: what is being read is read on, nothing new is begun."""
        self.is_shown = False

    def refusal_of(self, job: Job) -> tuple[str, str]:
        """Why training on this draft cannot start, as far as its data was looked at, and what to do; else ""."""
        if self._inspected_job is None or self._needs_reading(job):
            return "", ""
        if self.failure is not None:
            return self.failure
        found, card = self.inspected, job.method_card
        if found is not None and not found.rows_kind:
            return found.refusal, "Choose on the Data page what each column is."
        if found is not None and found.rows_kind != card.rows:
            wrong = mismatch("The data", cast(RowKind, found.rows_kind), card.rows, card.title)
            return wrong.title, wrong.advice
        return (found.refusal if found is not None else ""), ""

    @property
    def can_skip(self) -> bool:
        """Whether the data could be read if its malformed lines were passed over."""
        return self._remedy == SKIPPING

    def skip_malformed(self) -> None:
        """Have the draft pass them over, and so read the data again."""
        dotted, _, value = SKIPPING.partition("=")
        self._draft.set_value(dotted, value)

    def retry(self) -> None:
        """Read the data again."""
        self._inspected_job = None
        self._follow_draft()

    def row(self, index: int) -> RowView | None:
        """The row at an index of what is shown; asked for when it is not here yet."""
        page = index // PAGE
        if page in self._pages:
            rows = self._pages[page]
            return rows[index % PAGE] if index % PAGE < len(rows) else None
        if page not in self._asked and self._task.folder is not None:
            self._asked.add(page)
            self._task.send(Show(page * PAGE, PAGE, search=self.search))
        return None

    def select(self, index: int) -> None:
        """Show this row's tokens."""
        self.selected = index
        if self._task.folder is not None:
            self._task.send(Show(index, 1, with_tokens=True, search=self.search))

    def set_search(self, text: str) -> None:
        """Show only the rows that hold this text."""
        self.search = text.strip()
        self.is_searching = bool(self.search) and self._task.folder is not None
        self._pages.clear()
        self._asked.clear()
        self.total = 0 if self.search else (self.inspected.rows if self.inspected else 0)
        if self._task.folder is not None:
            self._asked.add(0)
            self._task.send(Show(0, PAGE, search=self.search))
        self.rows_arrived.emit()

    def close(self) -> None:
        """End the engine's task."""
        self._task.close()

    def _clear(self) -> None:
        self.inspected: Inspected | None = None
        self.failure: tuple[str, str] | None = None
        self._remedy = ""
        self.phase = ""
        self.progress: Progress | None = None
        self.total = 0
        self.search = ""
        self.is_searching = False
        self.selected = 0
        self._pages: dict[int, tuple[RowView, ...]] = {}
        self._asked: set[int] = set()

    def _follow_draft(self) -> None:
        if self._needs_reading(self._draft.job) and self.is_shown:
            # Typed settings come letter by letter; a file comes at once.
            old = self._inspected_job
            is_typed = old is not None and old.data == self._draft.job.data
            self._timer.start(WAIT_MILLISECONDS if is_typed else 0)

    def _needs_reading(self, job: Job) -> bool:
        old = self._inspected_job
        if old is None:
            return True
        parts = ("model", "data", "rows")
        is_same = all(getattr(old, part) == getattr(job, part) for part in parts)
        return not is_same or old.method.kind != job.method.kind or room_of(old) != room_of(job)

    def _start(self) -> None:
        job = self._draft.job
        self._inspected_job = job
        self._task.close()
        self._clear()
        self.stats = None
        if job.data:
            self.phase = "Reading the rows"
            self._task.start(InspectTask(job), f"Inspect {Path(job.data[0].path).name}")
            self.row(0)  # asked beforehand, the first rows come with the first look
        self.changed.emit()
        self.rows_arrived.emit()

    def _fail(self, title: str, advice: str) -> None:
        self.failure = (title, advice)
        self.phase = ""
        self.changed.emit()
        self.settled.emit()

    def _take(self, event: Event) -> None:
        match event:
            case Inspected():
                is_first = self.inspected is None
                self.inspected = event
                self.total = event.rows if not self.search else self.total
                if event.is_complete:
                    self.phase, self.progress = "", None
                    self.stats = stats_of(event)
                    self.settled.emit()
                if is_first:
                    self.select(0)
                    self.rows_arrived.emit()
            case RowsShown(start=start, rows=rows, total=total, search=search):
                if search == self.search:  # else they were asked for before another text was searched
                    self.is_searching = False
                    self._take_rows(start, rows, total)
                return
            case Phase(title=title):
                self.phase = title
            case Progress():
                self.progress = event
            case Failed(title=title, advice=advice, remedy=remedy):
                self._remedy = remedy
                self._fail(title, advice)
                return
            case Lost(title=title, advice=advice):
                self._fail(title, advice)
                return
            case _:
                return
        self.changed.emit()

    def _take_rows(self, start: int, rows: tuple[RowView, ...], total: int) -> None:
        if len(rows) == 1 and start == self.selected and (rows[0].tokens or rows[0].problem):
            self.row_shown.emit(rows[0])
        if start % PAGE == 0 and (start // PAGE) in self._asked:
            if len(self._pages) >= MOST_PAGES:
                dropped = next(iter(self._pages))
                self._pages.pop(dropped)
                self._asked.discard(dropped)
            if len(rows) > 1 or total <= 1 or start == total - 1:
                self._pages[start // PAGE] = rows
        if self.search:
            self.total = total
        self.rows_arrived.emit()


def roles_by_column(found: Inspected) -> dict[str, str]:
    """The role of each column, over all sources."""
    roles = [read.roles for read in reversed(found.sources)] or [found.roles]
    return {column: role for one in roles for role, column in one.items()}


def with_role(job: Job, found: Inspected | None, column: str, role: str) -> tuple[DataSource, ...]:
    """The job's sources with `column` given a role ("" for none) wherever there is such a column."""
    reads = found.sources if found is not None else ()
    roles = [read.roles for read in reads] or [found.roles if found is not None else {}] * len(job.data)
    has = [column in read.columns for read in reads] or [True] * len(job.data)
    changed = [
        with_column(source, column, role, known) if is_there else source
        for source, known, is_there in zip(job.data, roles, has, strict=False)
    ]
    return (*changed, *job.data[len(changed) :])


def with_column(source: DataSource, column: str, role: str, roles: dict[str, str]) -> DataSource:
    """The source with `column` given a role ("" for none); the detected `roles` become explicit."""
    chosen = {name: taken for name, taken in {**roles, **source.columns}.items() if taken != column}
    if role:
        chosen[role] = column
    return dataclasses.replace(source, columns=chosen)
