"""Data as the model will see it: what the file is at once, then every row's tokens, then the rows asked for."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from engine.data.folders import files_of
from engine.job.channel import Desk
from engine.job.commands import Cancel, Command, Show
from engine.job.errors import FolderError, JobError, ModelError, StoppedError
from engine.job.events import Inspected, Phase, Progress, Ready, RowsShown, RowView
from engine.job.job import Job
from engine.job.tasks import InspectTask
from engine.job.words import check_new_tokens
from engine.library.early import await_early
from engine.library.lineage import lineage_of
from engine.library.models import check_model
from engine.library.room import fitted
from engine.use.inspection import Inspection

if TYPE_CHECKING:  # it imports torch, which the first look at a file need not wait for
    from engine.use.row_tokens import RowTokens

IDLE_SECONDS = 3600.0
_LOOK_SECONDS = 0.05
_TELL_SECONDS = 0.5
_SMALL_BYTES = 2_000_000  # read whole before anything is told
_HEAD = 200


def inspect(task: InspectTask, desk: Desk, idle_seconds: float = IDLE_SECONDS) -> None:
    """Tell `Inspected` when the file is read and again when every row is tokenised; answer `Show` commands.

    Of large files the first rows are told and shown before all is read.

    Rows without tokens are shown from the beginning on, those with tokens as soon as the model's tokenizer is
    there; where the model cannot be had, the rows are shown without and a remark says why. `Cancel` ends the
    task, as does its folder's end or `idle_seconds` without a command. Raises EngineError for unusable data.
    """
    desk.tell(Phase(name="rows", title="Reading the rows"))
    clerk = _Clerk(desk)
    inspection = _read(task.job, clerk, desk)
    clerk.serve()
    desk.tell(Phase(name="model", title="Loading the tokenizer"))
    _tokenise(inspection, clerk, desk)
    desk.tell(inspection.summary())
    clerk.serve(all_of_it=True)
    desk.tell(Ready())
    while not clerk.is_cancelled and desk.folder.is_dir() and time.monotonic() - clerk.heard < idle_seconds:
        clerk.serve(all_of_it=True)
        time.sleep(_LOOK_SECONDS)


def inspect_once(job: Job, start: int = 0, count: int = 3) -> tuple[Inspected, tuple[RowView, ...]]:
    """What the data of a draft is, and `count` rows from row index `start` with their tokens, without a desk.

    Raises EngineError for unusable data; a model that cannot be had is told by a remark.
    """
    inspection = Inspection(job)
    if _row_tokens(inspection) is not None:
        inspection.count()
    return inspection.summary(), inspection.show(start, count, with_tokens=True)[0]


def _row_tokens(inspection: Inspection) -> "RowTokens | None":
    """The job's tokenizer at work; None, and a remark, when the model cannot be had."""
    await_early()
    from engine.models.vocabulary import tokenizer_with
    from engine.use.row_tokens import RowTokens

    try:
        check_new_tokens(inspection.job.model.new_tokens)
        found = lineage_of(inspection.job)
        tokenizer = tokenizer_with(found.folder, found.tokens)
        job, narrowed = _fitted(inspection.job, found.folder)
        inspection.use(RowTokens(tokenizer, job), job, narrowed)
    except JobError as error:
        inspection.refusal = str(error)
    except (ModelError, FolderError) as error:
        inspection.remarks.append(f"The rows are shown without tokens: {error}")
    return inspection.tokens


def _fitted(job: Job, folder: Path) -> tuple[Job, str]:
    """The job with its rows cut where the model's room ends; as it is where no row would fit, which training tells."""
    try:
        return fitted(job, check_model(folder))
    except JobError:
        return job, ""


def _read(job: Job, clerk: "_Clerk", desk: Desk) -> Inspection:
    """All rows read; questions are answered from the first ones meanwhile."""
    if _bytes(job) > _SMALL_BYTES:
        clerk.inspection = Inspection(job, head=_HEAD)
        desk.tell(clerk.inspection.summary(is_complete=False))
        clerk.serve()
    told = time.monotonic()

    def heard(rows: int) -> None:
        nonlocal told
        clerk.serve()
        clerk.stop_when_cancelled()
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            desk.tell(Progress("Reading the rows", rows, None, "rows"))

    clerk.inspection = Inspection(job, heard=heard)
    desk.tell(clerk.inspection.summary(is_complete=False))
    return clerk.inspection


def _bytes(job: Job) -> int:
    return sum(path.stat().st_size for source in job.data for path in files_of(source) if path.is_file())


def _tokenise(inspection: Inspection, clerk: "_Clerk", desk: Desk) -> None:
    if _row_tokens(inspection) is None:
        return
    desk.tell(Phase(name="tokens", title="Counting tokens"))
    total, told = len(inspection.rows), time.monotonic()

    def heard(rows: int) -> None:
        nonlocal told
        clerk.serve(all_of_it=True)
        clerk.stop_when_cancelled()
        if time.monotonic() - told > _TELL_SECONDS:
            told = time.monotonic()
            desk.tell(Progress("Counting tokens", rows, total, "rows"))

    inspection.count(heard)
    clerk.serve(all_of_it=True)
    clerk.stop_when_cancelled()


class _SupersededError(Exception):
    """Nobody waits for a search any more."""


class _Clerk:
    """Takes in commands and shows the rows they ask for."""

    def __init__(self, desk: Desk) -> None:
        self.inspection: Inspection | None = None
        self._desk = desk
        self._waiting: list[Show] = []
        self.is_cancelled = False
        self.heard = time.monotonic()

    def serve(self, all_of_it: bool = False) -> None:
        """Answer what was asked; questions for tokens wait unless `all_of_it`."""
        self._listen(self._desk.heard())
        if self.inspection is None:
            return
        now = [show for show in self._waiting if all_of_it or not show.with_tokens]
        self._waiting = [show for show in self._waiting if show not in now]
        for at, show in enumerate(now):
            self._answer(self.inspection, show, now[at + 1 :])

    def _answer(self, inspection: Inspection, show: Show, later: Sequence[Show]) -> None:
        """Show rows, unless another text is searched by now: then nobody waits for those of this one."""
        known = len(self._waiting)

        def heard(_: int) -> None:
            self._listen(self._desk.heard())
            newer = (*later, *self._waiting[known:])
            if self.is_cancelled or any(other.search != show.search for other in newer):
                raise _SupersededError

        try:
            rows, total = inspection.show(show.start, show.count, show.with_tokens, show.search, heard)
        except _SupersededError:
            return
        self._desk.tell(RowsShown(show.start, rows, total, show.search))

    def stop_when_cancelled(self) -> None:
        """Raise StoppedError once the task was cancelled."""
        if self.is_cancelled:
            raise StoppedError("Cancelled.")

    def _listen(self, commands: Sequence[Command]) -> None:
        for command in commands:
            self.heard = time.monotonic()
            match command:
                case Show():
                    self._waiting.append(command)
                case Cancel():
                    self.is_cancelled = True
