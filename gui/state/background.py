"""Small jobs of the window itself that may take a while: counting and moving folders, asking the hub."""

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

from engine.job.errors import EngineError

END_SECONDS = 3.0


@dataclass(frozen=True)
class _Job:
    """What is to be done, and who hears of it."""

    owner: QObject
    work: Callable[[], object]
    done: Callable[[object], None]
    failed: Callable[[str, str], None] | None


@dataclass(frozen=True)
class _Ended:
    """What a job came to: its result, or a failure in words."""

    number: int
    is_done: bool
    values: tuple[object, ...]


class _Bridge(QObject):
    """Carries the ends of jobs into the window's thread, where it lives.

    It keeps the jobs, so that no thread is ever the last to hold an owner: a widget must end in the window's thread.
    """

    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.is_open = True
        self.threads: list[threading.Thread] = []
        self.jobs: dict[int, _Job] = {}
        self.numbers = itertools.count()
        self.ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def run(self, number: int) -> None:
        """Do a job, in a thread of its own; after the end of the window nothing is told any more."""
        ended = _Ended(number, *_outcome(self.jobs[number]))
        with self.lock:
            if self.is_open:
                self.ended.emit(ended)

    def alive(self) -> list[threading.Thread]:
        """The threads that have not ended; called in the window's thread."""
        self.threads = [thread for thread in self.threads if thread.is_alive()]
        return self.threads

    def _deliver(self, ended: object) -> None:
        assert isinstance(ended, _Ended)
        job = self.jobs.pop(ended.number)
        call: Callable[..., None] | None = job.done if ended.is_done else job.failed
        if call is not None and shiboken6.isValid(job.owner):
            call(*ended.values)


_bridges: list[_Bridge] = []  # the one that is open, if any; made with the first job
_left: list[_Bridge] = []  # closed, with threads that have not ended


def in_background(
    owner: QObject,
    work: Callable[[], object],
    done: Callable[[object], None],
    failed: Callable[[str, str], None] | None = None,
) -> None:
    """Run `work` in a thread; `done(result)` or `failed(title, advice)` is called in the window's thread.

    Neither is called once `owner` is gone. Must be called in the window's thread.
    """
    if not _bridges:
        _bridges.append(_Bridge())
    bridge = _bridges[0]
    number = next(bridge.numbers)
    bridge.jobs[number] = _Job(owner, work, done, failed)
    # A daemon: a hub that does not answer must not keep the program from ending.
    thread = threading.Thread(target=bridge.run, args=(number,), daemon=True, name="background")
    thread.start()
    bridge.threads = [*bridge.alive(), thread]


def _outcome(job: _Job) -> tuple[bool, tuple[object, ...]]:
    """Whether it was done; its result, or title and advice."""
    try:
        return True, (job.work(),)
    except EngineError as error:
        return False, (error.title, error.advice)
    except OSError as error:
        title = f"{error.filename or 'A file'}: {error.strerror or error}."
        return False, (title, "Check the folder.")


def end_background(seconds: float = END_SECONDS) -> None:
    """The window ends: wait a moment for what is still going on, and hear of nothing any more."""
    if not _bridges:
        return
    bridge = _bridges.pop()
    with bridge.lock:
        bridge.is_open = False
    deadline = time.monotonic() + seconds
    for thread in bridge.threads:
        thread.join(max(0.0, deadline - time.monotonic()))
    _left[:] = [closed for closed in (*_left, bridge) if closed.alive()]
