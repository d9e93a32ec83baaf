"""The worker's desk: tells events, and keeps what the run's record says in step with them."""

import contextlib
import threading
import time
from pathlib import Path
from typing import Any

from engine.job.channel import RECORD_FILE, Desk, events_of
from engine.job.commands import Command, Stop
from engine.job.errors import FolderError
from engine.job.events import (
    Continued,
    Evaluated,
    Event,
    Failed,
    Finished,
    Paused,
    Phase,
    Prepared,
    Started,
    Step,
    Trained,
)
from engine.job.record import RunRecord, read_record, update_record, write_record


class RecordingDesk(Desk):
    """A desk that notes in `run.json` what its events say: status at once, the step with every `beat`.

    On a folder that was worked on before, commands from that time are passed over. `stop` is the stop that was
    heard, `trained` the result that was told.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.stop: Stop | None = None
        self.trained: Trained | None = None
        self._heard_until = _end_of_earlier_work(folder)
        self._changes: dict[str, Any] = {}  # Any: the record's fields have types of their own
        self._lock = threading.Lock()

    def tell(self, event: Event) -> None:
        """Append an event and note what it means for the record."""
        super().tell(event)
        if isinstance(event, Trained):
            self.trained = event
        self._note(event)

    def heard(self) -> list[Command]:
        """The commands that came since the last look and since this worker was asked for."""
        commands = [c for c in super().heard() if c.time > self._heard_until]
        self.stop = next((c for c in reversed(commands) if isinstance(c, Stop)), self.stop)
        return commands

    def beat(self) -> None:
        """Write a sign of life and all that changed since the last one."""
        with self._lock:
            changes, self._changes = self._changes, {}
        update_record(self.folder, heartbeat=time.time(), **changes)

    def _note(self, event: Event) -> None:
        changes = record_changes(event)
        if not changes:
            return
        with self._lock:
            self._changes.update(changes)
        if "status" in changes:
            self.beat()


def record_changes(event: Event) -> dict[str, Any]:  # Any: the record's fields have types of their own
    """What an event changes in the run's record."""
    changes: dict[str, Any] = {}
    match event:
        case Started(time=started, pid=pid, versions=versions):
            changes = {"status": "starting", "started": started, "pid": pid, "versions": versions}
            changes |= {"finished": None, "message": ""}
        case Prepared(steps=steps):
            changes = {"steps": steps}
        case Phase(name="training") | Continued():
            changes = {"status": "running"}
        case Paused(step=step):
            changes = {"status": "paused", "step": step}
        case Step(step=step, steps=steps, loss=loss):
            changes = {"step": step, "steps": steps, "last_loss": loss}
        case Evaluated(step=step, loss=loss, is_best=True):
            changes = {"best_loss": loss, "best_step": step}
        case Trained(step=step, steps=steps, last_loss=last, best_loss=best, best_step=best_step):
            changes = {"step": step, "steps": steps, "last_loss": last}
            changes |= {"best_loss": best, "best_step": best_step}
        case Finished(time=finished, outcome=outcome):
            changes = {"status": outcome, "finished": finished}
        case Failed(time=finished, title=title):
            changes = {"status": "failed", "finished": finished, "message": title}
    return changes


def provide_record(folder: Path, task: str) -> RunRecord:
    """The folder's record; a folder that was made by hand from a `job.toml` gets one."""
    if not (folder / RECORD_FILE).exists():
        write_record(folder, RunRecord(name=folder.name, task=task))
    return read_record(folder)


def _end_of_earlier_work(folder: Path) -> float:
    """When earlier work on this folder ended (seconds since the epoch), 0.0 when there was none."""
    events = events_of(folder)
    if not any(isinstance(event, Started) for event in events):
        return 0.0
    times = [events[-1].time]
    with contextlib.suppress(FolderError):  # without a record the events alone tell
        record = read_record(folder)
        asked = record.started if record.status == "starting" else None  # whoever resumes notes when
        times += [t for t in (record.finished, record.heartbeat, asked) if t is not None]
    return max(times)
