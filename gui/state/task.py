"""A short-lived engine task behind a page: compare, export, inspect, download."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.commands import Cancel, Command
from engine.job.errors import EngineError
from engine.job.events import Event
from engine.job.tasks import Task
from engine.library.runs import create_task
from gui.engine_thread import EngineThread


class EngineTask(QObject):
    """Starts a task's worker and hands on its events until it is closed. One object, one task folder."""

    told = Signal(object)  # Event
    refused = Signal(str, str)  # title, advice: it could not even be started

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._engine = engine
        self.folder: Path | None = None
        engine.events.connect(self._take)

    def start(self, task: Task, title: str) -> bool:
        """Write the task's folder and start its worker; False (and `refused`) when that cannot be done."""
        self.close()
        try:
            self.folder = create_task(task, title)
        except EngineError as error:
            self.refused.emit(error.title, error.advice)
            return False
        self._engine.start_task(self.folder)
        return True

    def send(self, command: Command) -> None:
        """Tell the worker something, if there is one."""
        if self.folder is not None:
            try:
                self._engine.send(self.folder, command)
            except EngineError as error:
                self.refused.emit(error.title, error.advice)

    def close(self) -> None:
        """Cancel the task and look away."""
        if self.folder is not None:
            self.send(Cancel())
            self._engine.unwatch(self.folder)
            self.folder = None

    def _take(self, folder: str, events: list[Event]) -> None:
        if self.folder is None or folder != str(self.folder):
            return
        for event in events:
            self.told.emit(event)
