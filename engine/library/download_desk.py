"""What a download tells its task's folder and hears from it."""

import time

from engine.job.channel import Desk
from engine.job.commands import Cancel, Pause, Resume, Stop
from engine.job.events import Continued, Paused, Progress

_SECONDS = 0.1


class DownloadDesk:
    """The download's side of its desk: tells progress ten times a second at most, hears commands as often."""

    def __init__(self, desk: Desk, title: str) -> None:
        self._desk = desk
        self._title = title
        self._told = self._listened = 0.0
        self._is_cancelled = self._is_paused = self._is_complete = False

    def progress(self, done: int, total: int) -> None:
        """Tell how far it is, now and then, and always at the end."""
        now = time.monotonic()
        is_end = done == total and not self._is_complete
        if now - self._told >= _SECONDS or is_end:
            self._told, self._is_complete = now, done == total
            self._desk.tell(Progress(self._title, done, total, "bytes"))

    def is_cancelled(self) -> bool:
        """Listen; while paused this waits here, and the connection is taken up again afterwards."""
        self._listen()
        if self._is_paused and not self._is_cancelled:
            self._desk.tell(Paused(0))
            while self._is_paused and not self._is_cancelled:
                time.sleep(_SECONDS)
                self._listen()
            self._desk.tell(Continued(0))
        return self._is_cancelled

    def _listen(self) -> None:
        now = time.monotonic()
        if now - self._listened < _SECONDS:
            return
        self._listened = now
        for command in self._desk.heard():
            match command:
                case Cancel() | Stop():
                    self._is_cancelled = True
                case Pause():
                    self._is_paused = True
                case Resume():
                    self._is_paused = False
