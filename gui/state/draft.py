"""The draft: the job being set up. Saved half a second after an edit, undoable, kept over a restart."""

import dataclasses
from pathlib import Path

from PySide6.QtCore import QObject, QTimer, Signal

from engine.job.errors import EngineError, JobError
from engine.job.job import Choice, Job, read_job, with_kind, with_value, write_job
from engine.job.sections import DataSource

SAVE_MILLISECONDS = 500
UNDO_DEPTH = 200


class Draft(QObject):
    """The current `job` with its history. `changed` follows every edit, undo and redo."""

    changed = Signal()
    save_failed = Signal(str)

    def __init__(self, path: Path, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._path = path
        self._undo: list[Job] = []
        self._redo: list[Job] = []
        self.job = self._restored()
        self._timer = QTimer(self, singleShot=True, interval=SAVE_MILLISECONDS)
        self._timer.timeout.connect(self.save)

    @property
    def can_undo(self) -> bool:
        """Whether there is an edit to take back."""
        return bool(self._undo)

    @property
    def can_redo(self) -> bool:
        """Whether there is an undone edit to bring back."""
        return bool(self._redo)

    def replace(self, job: Job) -> None:
        """Take another job as the draft; one step of undo."""
        if job == self.job:
            return
        self._undo = [*self._undo[-UNDO_DEPTH + 1 :], self.job]
        self._redo.clear()
        self._take(job)

    def set_value(self, dotted: str, value: object) -> None:
        """Change one checked field ("train.epochs")."""
        self.replace(with_value(self.job, dotted, value))

    def set_kind(self, section: str, kind: str) -> None:
        """Choose another card for "method", "adapter" or "moe"; what still applies is kept."""
        self.replace(with_kind(self.job, section, kind))

    def set_data(self, sources: tuple[DataSource, ...]) -> None:
        """Change the data."""
        self.replace(dataclasses.replace(self.job, data=sources))

    def set_name(self, name: str) -> None:
        """Change the run's name."""
        self.replace(dataclasses.replace(self.job, name=name))

    def setting(self, dotted: str) -> object:
        """The value of one field ("adapter.rank"); None when the chosen card does not have it."""
        section, _, name = dotted.partition(".")
        target = getattr(self.job, section)
        return getattr(target.settings if isinstance(target, Choice) else target, name, None)

    def undo(self) -> None:
        """Take the last edit back."""
        if self._undo:
            self._redo.append(self.job)
            self._take(self._undo.pop())

    def redo(self) -> None:
        """Bring an undone edit back."""
        if self._redo:
            self._undo.append(self.job)
            self._take(self._redo.pop())

    def save(self) -> None:
        """Write the draft now (also called when the window closes)."""
        self._timer.stop()
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            write_job(self.job, self._path)
        except (EngineError, OSError) as error:
            self.save_failed.emit(str(error))

    def _take(self, job: Job) -> None:
        self.job = job
        self._timer.start()
        self.changed.emit()

    def _restored(self) -> Job:
        if not self._path.exists():
            return Job()
        try:
            return read_job(self._path)
        except JobError:  # written by another version: start afresh, the file is kept beside
            self._path.replace(self._path.with_suffix(".old.toml"))
            return Job()
