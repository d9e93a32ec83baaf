"""`run.json`: what a run is called, how it stands and who works on it. Always rewritten as a whole."""

import dataclasses
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.job.channel import RECORD_FILE
from engine.job.codec import from_plain, to_plain
from engine.job.errors import FolderError

ENDED = ("done", "stopped", "discarded", "failed", "lost")
LOCK_FILE = "run.lock"
_LOCK_SECONDS = 5.0


@dataclass(frozen=True)
class RunRecord:
    """The state of a task's folder. `status`: created, starting, running, paused, or one of `ENDED`.

    Times in seconds since the epoch; `heartbeat` is the worker's last sign of life.
    """

    name: str
    task: str = "train"
    status: str = "created"
    created: float = field(default_factory=time.time)
    started: float | None = None
    finished: float | None = None
    pid: int | None = None
    heartbeat: float | None = None
    step: int = 0
    steps: int = 0
    last_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    model: str = ""
    data: str = ""
    method: str = ""
    parent: str | None = None
    message: str = ""
    notes: str = ""
    tags: tuple[str, ...] = ()
    votes: dict[str, int] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=dict)
    data_hashes: dict[str, str] = field(default_factory=dict)


def read_record(folder: Path) -> RunRecord:
    """The record in a task's folder; raises FolderError when it is not one."""
    path = folder / RECORD_FILE
    try:
        return from_plain(RunRecord, json.loads(path.read_text(encoding="utf-8")))
    except (OSError, NotADirectoryError):
        advice = "Give a run's name from 'runs list' or its folder."
        raise FolderError(f"{folder} is not a run: {RECORD_FILE} is missing.", advice) from None
    except (ValueError, TypeError):
        advice = "Its events and checkpoints are untouched; restore the file from a copy or delete the run."
        raise FolderError(f"{path} is damaged.", advice) from None


def write_record(folder: Path, record: RunRecord) -> None:
    """Write the record atomically."""
    part = folder / f"{RECORD_FILE}.{os.getpid()}.part"
    try:
        part.write_text(json.dumps(to_plain(record), ensure_ascii=False, indent=1), encoding="utf-8")
        part.replace(folder / RECORD_FILE)
    except OSError as error:
        advice = "Choose a writable folder with free space."
        raise FolderError(f"{folder / RECORD_FILE} cannot be written: {error.strerror}.", advice) from None


def update_record(folder: Path, **changes: Any) -> RunRecord:  # Any: the fields' own types
    """Read, change and write the record under a lock, so that two processes do not undo each other."""
    with _locked(folder):
        record = dataclasses.replace(read_record(folder), **changes)
        write_record(folder, record)
    return record


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    path = folder / LOCK_FILE
    deadline = time.monotonic() + _LOCK_SECONDS
    while True:
        try:
            os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY))
            break
        except FileExistsError:
            if time.monotonic() > deadline:  # its owner died while holding it: a write takes milliseconds
                break
            time.sleep(0.005)
        except OSError as error:
            advice = "Choose a writable folder."
            raise FolderError(f"{folder} cannot be written: {error.strerror}.", advice) from None
    try:
        yield
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
