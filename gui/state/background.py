"""Small jobs of the window itself that may take a while: counting and moving folders, asking the hub."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

import shiboken6
from PySide6.QtCore import QObject, Qt, Signal

from engine.job.errors import EngineError

END_SECONDS = 3.0


@dataclass(frozen=True)
class _Ended:
    """What a job came to: its result, or a failure in words."""

    owner: QObject
    call: Callable[..., None] | None
    values: tuple[object, ...]


class _Bridge(QObject):
    """Carries the ends of jobs into the window's thread, where it lives."""

    ended = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.lock = threading.Lock()
        self.is_open = True
        self.threads: set[threading.Thread] = set()
        self.ended.connect(self._deliver, Qt.ConnectionType.QueuedConnection)

    def tell(self, ended: _Ended) -> None:
        """Called in the job's thread; after the end of the window nothing is told any more."""
        with self.lock:
            if self.is_open:
                self.ended.emit(ended)
            self.threads.discard(threading.current_thread())

    def _deliver(self, ended: object) -> None:
        assert isinstance(ended, _Ended)
        if ended.call is not None and shiboken6.isValid(ended.owner):
            ended.call(*ended.values)


_bridges: list[_Bridge] = []  # the one that is open, if any; made with the first job


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

    def run() -> None:
        try:
            ended = _Ended(owner, done, (work(),))
        except EngineError as error:
            ended = _Ended(owner, failed, (error.title, error.advice))
        except OSError as error:
            title = f"{error.filename or 'A file'}: {error.strerror or error}."
            ended = _Ended(owner, failed, (title, "Check the folder."))
        bridge.tell(ended)

    # A daemon: a hub that does not answer must not keep the program from ending.
    thread = threading.Thread(target=run, daemon=True, name="background")
    with bridge.lock:
        bridge.threads.add(thread)
    thread.start()


def end_background(seconds: float = END_SECONDS) -> None:
    """The window ends: wait a moment for what is still going on, and hear of nothing any more."""
    if not _bridges:
        return
    bridge = _bridges.pop()
    with bridge.lock:
        bridge.is_open = False
        threads = list(bridge.threads)
    deadline = time.monotonic() + seconds
    for thread in threads:
        thread.join(max(0.0, deadline - time.monotonic()))
