"""A task's worker, watched from its start to its end through the task's folder."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen
from types import FrameType

from engine.cli.output import Output
from engine.cli.verb import DONE, FAULT, INPUT, STOPPED
from engine.job.channel import EVENTS_FILE, Tail, append
from engine.job.commands import Cancel, Command, Stop
from engine.job.events import Event, Failed, Finished
from engine.job.record import ENDED, update_record
from engine.library.launch import start_worker
from engine.library.lost import lost_event
from engine.library.runs import settle

POLL_SECONDS = 0.1
_SETTLE_SECONDS = 1.0
_RESUME_ADVICE = (
    "'resume' goes on from the last checkpoint; engine.log in the run's folder has the last words."
)


@dataclass(frozen=True)
class End:
    """How a task ended: `status` as in the run's record, and in words why where it went wrong."""

    status: str
    title: str = ""
    advice: str = ""
    input_error: bool = False

    @property
    def exit_code(self) -> int:
        """What the command line ends with."""
        if self.status == "failed" and self.input_error:
            return INPUT
        return {"done": DONE, "stopped": STOPPED, "discarded": STOPPED}.get(self.status, FAULT)

    @property
    def sentence(self) -> str:
        """What went wrong and what to do, empty when nothing did."""
        return f"{self.title} {self.advice}".strip()


class Follower:
    """Reads a task's events until its end, which `end` then tells."""

    def __init__(
        self, folder: Path, worker: "Popen[bytes] | None" = None, *, skip_past: bool = False
    ) -> None:
        self.folder = folder
        self.end: End | None = None
        self.interrupts = 0
        self._heeded = 0
        self._worker = worker
        self._tail = Tail(folder / EVENTS_FILE, Event, from_end=skip_past)
        self._next_settle = 0.0

    def events(self, output: Output | None = None, on_interrupt: Command | None = None) -> Iterator[Event]:
        """The events as they come. The first interrupt sends `on_interrupt`, the second ends the worker."""
        while self.end is None:
            is_over = self._is_over()  # looked at before the events, so that the last ones are not missed
            found = self._tail.read()
            for number, event in enumerate(found, 1):
                if number == len(found):
                    self._note_end(event)
                yield event
            if self.end is None and is_over:
                self.end = self._end_without_word()
            if self.end is None:
                self._heed_interrupts(output, on_interrupt)
                time.sleep(POLL_SECONDS)
        if self._worker is not None:
            self._worker.wait()

    def tell(self, command: Command) -> None:
        """Tell the worker something."""
        append(self.folder, command)

    def kill(self) -> None:
        """End the worker at once, where it is ours."""
        if self._worker is not None and self._worker.poll() is None:
            self._worker.kill()
            self._worker.wait()

    def _heed_interrupts(self, output: Output | None, command: Command | None) -> None:
        if self.interrupts == self._heeded or command is None:
            return
        self._heeded = self.interrupts
        if self._heeded == 1:
            self.tell(command)
            words = "Stopping after this step and saving" if isinstance(command, Stop) else "Stopping"
            if output is not None:
                output.remark(f"\n{words}. Press Ctrl+C again to end it at once.")
        else:
            self.kill()
            message = "Ended from the terminal."
            update_record(self.folder, status="stopped", finished=time.time(), message=message)
            self.end = End("stopped", message, _RESUME_ADVICE if isinstance(command, Stop) else "")

    def _note_end(self, event: Event) -> None:
        """An end is one only when nothing follows it: a resumed run's history holds earlier ends."""
        match event:
            case Finished(outcome=outcome):
                self.end = End(outcome)
            case Failed(title=title, advice=advice, input_error=input_error):
                self.end = End("failed", title, advice, input_error)

    def _is_over(self) -> bool:
        if self._worker is not None:
            return self._worker.poll() is not None
        if time.monotonic() < self._next_settle:
            return False
        self._next_settle = time.monotonic() + _SETTLE_SECONDS
        return settle(self.folder).status in ENDED

    def _end_without_word(self) -> End:
        """How a task ended whose events do not say it: as its record does, else its worker was lost."""
        record = settle(self.folder)
        if record.status in ENDED and record.status != "lost":
            return End(record.status, record.message)
        code = None if self._worker is None else self._worker.returncode
        return End("lost", lost_event(code, None).title, _RESUME_ADVICE)


def begin(folder: Path) -> Follower:
    """Start a worker on a task's folder and follow what it tells from now on."""
    again = (folder / EVENTS_FILE).exists()
    now = time.time()
    update_record(folder, status="starting", started=now, finished=None, pid=None, heartbeat=None, message="")
    return Follower(folder, start_worker(folder), skip_past=again)


@contextmanager
def interrupts_counted(follower: Follower) -> Iterator[None]:
    """Within the block, Ctrl+C and SIGTERM are counted for the follower to heed instead of ending us."""

    def count(_number: int, _frame: FrameType | None) -> None:
        follower.interrupts += 1

    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, count) for number in numbers]
    try:
        yield
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


def work_through(follower: Follower, output: Output, on_interrupt: Command | None = None) -> Iterator[Event]:
    """The events of a task that we started, with Ctrl+C passed on to it (as Cancel, if nothing else is said)."""
    with interrupts_counted(follower):
        yield from follower.events(output, on_interrupt or Cancel())
