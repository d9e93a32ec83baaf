"""Windows and runs for tests of the window: no engine process unless a test asks for one."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QApplication, QDialog

from engine.job.channel import append
from engine.job.events import Event
from engine.job.job import Job
from engine.job.record import update_record
from engine.library.example import example_job
from engine.library.runs import create_run
from gui.engine_thread import EngineThread
from gui.state.app_state import AppState
from gui.window import MainWindow


class StillEngine(EngineThread):
    """Writes down what it is asked and starts nothing: for tests that play the engine themselves."""

    def __init__(self, parent=None) -> None:
        super().__init__(parent)
        self.started: list[Path] = []
        self.watching: list[Path] = []
        self.sent: list[tuple[Path, object]] = []

    def start(self, *_args) -> None:
        pass

    def start_task(self, folder: Path) -> None:
        self.started.append(folder)

    def watch(self, folder: Path) -> None:
        self.watching.append(folder)

    def unwatch(self, folder: Path) -> None:
        pass

    def keep_warm(self, is_wanted: bool) -> None:
        pass

    def send(self, folder: Path, command: object) -> None:
        self.sent.append((folder, command))

    def close(self) -> None:
        pass

    def tell(self, folder: Path, *events: Event) -> None:
        """As if the worker had told these."""
        self.events.emit(str(folder), list(events))


def still_state(monkeypatch) -> AppState:
    """The app's state with an engine that starts nothing."""
    monkeypatch.setattr("gui.state.app_state.EngineThread", StillEngine)
    return AppState()


@contextmanager
def opened(state: AppState) -> Iterator[MainWindow]:
    """The window of a state, closed in order afterwards."""
    window = MainWindow(state)
    window.show()
    try:
        yield window
    finally:
        state.run = None  # closing must not ask
        window.close()
        state.shut_down()
        window.deleteLater()


def answer_next_dialog(answer: str, titles: list[str]) -> QTimer:
    """Press this answer in the next question; its title is added to `titles`. Keep the timer while waiting."""

    def reply() -> None:
        dialog = QApplication.activeModalWidget()
        if isinstance(dialog, QDialog):
            timer.stop()
            titles.append(dialog.windowTitle())
            if answer:
                dialog.buttons[answer].click()
            else:
                dialog.reject()

    timer = QTimer(interval=20)
    timer.timeout.connect(reply)
    timer.start()
    return timer


def quick_job(**train: object) -> Job:
    """The example, short; `train` changes its [train] section."""
    job = example_job(quick=True)
    return dataclasses.replace(job, train=dataclasses.replace(job.train, **train))


def ended_run(job: Job, *events: Event, status: str = "done") -> Path:
    """A run's folder as the engine would have left it."""
    folder = create_run(job)
    for event in events:
        append(folder, event)
    update_record(folder, status=status)
    return folder
