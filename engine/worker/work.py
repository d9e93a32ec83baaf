"""One folder's task, from Started to Finished: what is called, and what is told whichever way it ends."""

import gc
import importlib.metadata
import logging
import os
import platform
import time
from pathlib import Path

import engine
from engine.job.cards import resolve
from engine.job.channel import JOB_FILE
from engine.job.errors import EngineError, StoppedError
from engine.job.events import Finished, Phase, Started
from engine.job.job import Job
from engine.job.tasks import Task, read_task, task_kind
from engine.library.early import await_early
from engine.library.runs import checkpoints_of
from engine.worker.desk import RecordingDesk, provide_record
from engine.worker.faults import failed_by
from engine.worker.orphan import end_with, window_of
from engine.worker.pulse import pulse

DONE, FAULT, INPUT, STOPPED = 0, 1, 2, 3
TASKS = {
    "train": "engine.train.session:train",
    "chat": "engine.use.compare:chat",
    "export": "engine.use.export:export",
    "inspect": "engine.use.inspect:inspect",
    "download": "engine.library.hub:download_task",
}
LIGHT = ("inspect", "download")  # these begin without torch
_PACKAGES = ("torch", "transformers", "peft", "tokenizers", "safetensors")


def work(folder: Path) -> int:
    """Do the task that `folder/job.toml` asks for; the exit code tells how it ended.

    A training run that has checkpoints goes on from them. Raises EngineError only for a folder that cannot
    be written; every other fault becomes a `Failed` event.
    """
    desk = RecordingDesk(folder)
    started = time.monotonic()
    try:
        task = read_task(folder / JOB_FILE)
        provide_record(folder, task_kind(task))
        resume_from = _checkpoint(task, folder)
        _tell_start(desk, task_kind(task), resume_from)
        with pulse(desk), end_with(window_of(task_kind(task)), folder):
            _call(task, desk, resume_from)
    except StoppedError:
        return _stopped(desk, started)
    except Exception as error:  # noqa: BLE001 - the worker's last resort: a fault must reach the person
        return _failed(desk, error)
    if isinstance(task, Job) and _was_cut_short(desk):
        return _stopped(desk, started)
    desk.tell(Finished(outcome="done", seconds=time.monotonic() - started))
    return DONE


def _call(task: Task, desk: RecordingDesk, resume_from: Path | None) -> None:
    if task_kind(task) not in LIGHT:
        await_early()
    function = resolve(TASKS[task_kind(task)])
    # What was imported stays until the end: looking for what nobody holds among it takes a quarter of a second.
    gc.freeze()
    if isinstance(task, Job):
        function(task, desk, resume_from=resume_from)
    else:
        function(task, desk)


def _checkpoint(task: Task, folder: Path) -> Path | None:
    """The newest complete checkpoint of a training run, None where it starts afresh."""
    found = checkpoints_of(folder) if isinstance(task, Job) else []
    return max(found, key=_step_of) if found else None


def _step_of(checkpoint: Path) -> int:
    return int(checkpoint.name.rpartition("-")[2])


def _tell_start(desk: RecordingDesk, kind: str, resume_from: Path | None) -> None:
    step = _step_of(resume_from) if resume_from else 0
    desk.tell(Started(task=kind, pid=os.getpid(), versions=versions(), resumed_from=step))
    desk.tell(Phase(name="engine", title="Starting the engine"))


def versions() -> dict[str, str]:
    """The versions that a result depends on. Read from the installation's metadata: nothing is imported."""
    found = {"tunewright": engine.__version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:  # a frozen app may carry no metadata
            continue
    return found


def _was_cut_short(desk: RecordingDesk) -> bool:
    """Whether training ended early by a stop that it heard."""
    trained = desk.trained
    return desk.stop is not None and (trained is None or trained.step < trained.steps)


def _stopped(desk: RecordingDesk, started: float) -> int:
    discarded = desk.stop is not None and not desk.stop.keep
    outcome = "discarded" if discarded else "stopped"
    desk.tell(Finished(outcome=outcome, seconds=time.monotonic() - started))
    return STOPPED


def _failed(desk: RecordingDesk, error: Exception) -> int:
    logging.getLogger(__name__).error("The task ended by an error.", exc_info=error)
    event = failed_by(error)
    desk.tell(event)
    if event.input_error:
        return INPUT
    return error.exit_code if isinstance(error, EngineError) else FAULT
