"""The state that the whole window shares: preferences, draft, engine, and the run in progress with its queue."""

import dataclasses
import os
from pathlib import Path
from typing import Any

from PySide6.QtCore import QObject, Signal

from engine.data.folders import names_dataset
from engine.job.channel import CHECKPOINTS
from engine.job.clashes import refuse_clashes
from engine.job.commands import Command, Pause, Resume, Stop
from engine.job.errors import EngineError
from engine.job.events import Event
from engine.job.job import Job, require_data, with_value
from engine.job.record import ENDED
from engine.job.sections import DataSource
from engine.library.example import example_job
from engine.library.folders import home
from engine.library.models import check_model, locate_model
from engine.library.preferences import Preferences, read_preferences, with_recent, write_preferences
from engine.library.room import longest_row
from engine.library.runs import create_run, is_alive, list_runs, rename_run, settle
from gui.engine_thread import EngineThread
from gui.state.assembling import Assembling
from gui.state.background import end_background
from gui.state.draft import Draft
from gui.state.experts import refuse_base
from gui.state.inspection import InspectionState
from gui.state.live_run import LiveRun
from gui.state.machine import MachineState
from gui.state.sources import is_present, joined

DRAFT_FILE = "draft.toml"
QUICK = "TUNEWRIGHT_QUICK_EXAMPLE"
"""When this variable is set, the example trains just long enough to show that everything works."""


class AppState(QObject):
    """Everything that outlives a page. Pages get it in their constructor.

    `run` is the run that the Train page shows: active, ended, or None. `notice(kind, title, advice)` is for
    the window's notice bar. `navigate(page)` asks the window to show a page by its key.
    """

    run_changed = Signal()
    runs_changed = Signal()
    preferences_changed = Signal()
    notice = Signal(str, str, str)
    navigate = Signal(str)
    compare_asked = Signal(list)  # list[Path]: run folders
    export_asked = Signal(object)  # Path: a run's folder
    shortcuts_asked = Signal()
    try_asked = Signal(str)  # a model's source, to be asked something on the Compare page

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.preferences = read_preferences()
        self.draft = Draft(home() / DRAFT_FILE, self)
        self.draft.save_failed.connect(
            lambda text: self.notice.emit("error", "The draft was not saved.", text)
        )
        self.machine = MachineState(self)
        self.engine = EngineThread(self)
        self.engine.events.connect(self._take_events)
        self.engine.start()
        self.inspection = InspectionState(self.engine, self.draft, self)
        self.assembling = Assembling(self.draft, self)
        self.run: LiveRun | None = None
        self.queue: list[Path] = []

    # Preferences

    def set_preference(self, name: str, value: Any) -> None:  # Any: the field's own type
        """Change one preference and keep it."""
        self.preferences = dataclasses.replace(self.preferences, **{name: value})
        self._keep_preferences()

    def reset_preferences(self) -> None:
        """Back to the defaults; runs, models and data stay."""
        self.preferences = Preferences()
        self._keep_preferences()

    # The draft

    def open_paths(self, paths: list[Path], adds: bool = False) -> None:
        """Take what was dropped or chosen: a model folder becomes the model, everything else the data.

        With `adds` the data that is there stays beside it.
        """
        models = [path for path in paths if is_model_folder(path)]
        data = [path for path in paths if path not in models]
        missing = [path for path in paths if not path.exists()]
        if missing:
            self.notice.emit("error", f"{missing[0]} does not exist.", "Choose another file.")
            return
        if models:
            self.draft.set_value("model.source", str(models[0]))
            self.navigate.emit("model")
        if data:
            self.use_sources(tuple(DataSource(path=str(path)) for path in data), adds)
            changed = with_recent(self.preferences, "recent_data", str(data[0]))
            self.set_preference("recent_data", changed.recent_data)
            self.navigate.emit("data")

    def use_sources(self, sources: tuple[DataSource, ...], adds: bool = False) -> None:
        """Make these the draft's data; with `adds` beside what is there, none twice."""
        before = self.draft.job.data if adds else ()
        taken = joined(before, sources)
        if before and len(taken) == len(before):
            self.notice.emit("info", "That is part of the data already.", "")
        self.draft.set_data(taken)

    # Runs

    def load_example(self) -> None:
        """Fill the draft with the two-minute example."""
        self.draft.replace(example_job(quick=QUICK in os.environ))

    def what_is_missing(self) -> str:
        """One short sentence when the draft cannot be started, else an empty text."""
        return self._refusal()[0]

    def _refusal(self) -> tuple[str, str]:
        """What keeps the draft from being started and what to do about it; two empty texts when nothing does."""
        job = self.draft.job
        try:
            require_data(job)
            refuse_clashes(job)
            base = check_model(locate_model(job.model.source, job.model.revision))
            refuse_base(job, base)
            longest_row(job, base)
        except EngineError as error:
            return error.brief, error.advice
        missing = next((source for source in job.data if not is_present(source)), None)
        if missing is not None and names_dataset(missing):
            return f"{missing.path} is not on this computer yet.", "Download it on the Data page."
        if missing is not None:
            return f"{missing.path} does not exist.", "Choose another file on the Data page."
        title, advice = self.assembling.refusal_of(job)
        return (title, advice) if title else self.inspection.refusal_of(job)

    def start_run(self) -> LiveRun | None:
        """Start the draft, or queue it behind the active run; None (and a notice) when it is refused."""
        try:
            title, advice = self._refusal()
            if title:
                raise EngineError(title, advice)
            folder = create_run(self._job_to_run())
        except EngineError as error:
            self.notice.emit("error", error.title, error.advice)
            return None
        self.runs_changed.emit()
        if self.run is not None and self.run.is_active:
            self.queue.append(folder)
            self.notice.emit("info", "The run waits in the queue.", "It starts when the present one ends.")
            return None
        return self._launch(folder)

    def resume_run(self, folder: Path) -> LiveRun | None:
        """Go on from the newest checkpoint; None (and a notice) while another run is going."""
        if self.run is not None and self.run.is_active:
            self.notice.emit("warn", "Another run is going.", "Stop it or wait until it has ended.")
            return None
        return self._launch(folder, is_replay=True)

    def watch_run(self, folder: Path) -> LiveRun:
        """Show a run on the Train page: re-attached when it is alive, replayed when it has ended."""
        run = LiveRun(folder, self, is_replay=True)
        self._show(run)
        self.engine.watch(folder)
        return run

    def reattach(self) -> LiveRun | None:
        """Find a run that is still going from an earlier window, and watch it; marks dead ones as lost."""
        found: LiveRun | None = None
        for info in list_runs():
            if info.record.status in ENDED or info.record.status == "created":
                continue
            if found is None and is_alive(info.record):
                found = self.watch_run(info.folder)
            else:
                settle(info.folder)
        self.engine.keep_warm(found is None)
        return found

    def control(self, command: Command) -> None:
        """Tell the shown run something and show at once that it was asked."""
        if self.run is None:
            return
        try:
            self.engine.send(self.run.folder, command)
        except EngineError as error:
            self.notice.emit("error", error.title, error.advice)
            return
        match command:
            case Pause():
                self.run.expect("pausing")
            case Resume():
                self.run.expect("running")
            case Stop():
                self.run.expect("stopping")
            case _:
                pass

    def close_run(self) -> None:
        """Leave the shown run, so that the Train page is ready for the draft again."""
        if self.run is not None and not self.run.is_active:
            self._show(None)

    def rename_run(self, folder: Path, name: str) -> None:
        """Give a run another name."""
        try:
            rename_run(folder, name)
        except EngineError as error:
            self.notice.emit("error", error.title, error.advice)
        if self.run is not None and self.run.folder == folder:
            self.run.refresh()
            self.run.changed.emit()
        self.runs_changed.emit()

    def shut_down(self) -> None:
        """Save the draft and end the thread; a run that goes on goes on."""
        self.draft.save()
        self.inspection.close()
        self.engine.close()
        end_background()

    def _job_to_run(self) -> Job:
        """The draft, with the number of cores that the settings allow."""
        job, threads = self.draft.job, self.preferences.threads
        if threads is None or job.device.threads is not None:
            return job
        return with_value(job, "device.threads", threads)

    def _launch(self, folder: Path, is_replay: bool = False) -> LiveRun:
        run = LiveRun(folder, self, is_replay=is_replay, awaits_start=True)
        self._show(run)
        self.engine.keep_warm(False)  # a spare would only take the run's cores
        self.engine.start_task(folder)
        return run

    def _show(self, run: LiveRun | None) -> None:
        if self.run is not None:
            self.engine.unwatch(self.run.folder)
            self.run.deleteLater()
        self.run = run
        if run is not None:
            run.ended.connect(self._after_run)
        self.run_changed.emit()

    def _after_run(self) -> None:
        self.runs_changed.emit()
        if self.queue:
            self._launch(self.queue.pop(0))
        else:
            self.engine.keep_warm(True)

    def _take_events(self, folder: str, events: list[Event]) -> None:
        if self.run is not None and folder == str(self.run.folder):
            self.run.apply(events)

    def _keep_preferences(self) -> None:
        try:
            write_preferences(self.preferences)
        except EngineError as error:
            self.notice.emit("error", error.title, error.advice)
        self.preferences_changed.emit()


def is_model_folder(path: Path) -> bool:
    """Whether a dropped path looks like a model rather than data."""
    return path.is_dir() and ((path / "config.json").exists() or any(path.glob("*.safetensors")))


def has_checkpoints(folder: Path) -> bool:
    """Whether the run has anything to go on from."""
    return any((folder / CHECKPOINTS).glob("step-*"))
