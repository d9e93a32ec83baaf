"""What a task hears from its user while it is busy: end all, or end the answer in hand."""

import time
from collections.abc import Iterator

from engine.job.channel import Desk
from engine.job.commands import Ask, Cancel, Stop
from engine.job.errors import StoppedError

_EVERY_SECONDS = 0.05


class Ears:
    """Reads a task's commands, at most twenty times a second, and sorts them.

    `Cancel` ends the task. `Stop` ends the answers in hand; those asked before it are forgotten.
    """

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._listened = float("-inf")
        self._asked: list[Ask] = []
        self.is_cancelled = False
        self.is_stopped = False

    def listen(self, now: bool = False) -> None:
        """Take in what came; `now` does so even when the last look was a moment ago."""
        if not now and time.monotonic() - self._listened < _EVERY_SECONDS:
            return
        self._listened = time.monotonic()
        for command in self._desk.heard():
            match command:
                case Ask():
                    self._asked.append(command)
                case Stop():
                    self._asked.clear()
                    self.is_stopped = True
                case Cancel():
                    self.is_cancelled = True

    def wants_quiet(self) -> bool:
        """Whether the answer in hand shall end."""
        self.listen()
        return self.is_cancelled or self.is_stopped

    def obey(self) -> None:
        """Raise StoppedError when the task was cancelled."""
        self.listen()
        if self.is_cancelled or self.is_stopped:
            raise StoppedError("Cancelled.")

    def questions(self) -> Iterator[Ask]:
        """The questions that were asked, those that come meanwhile included; ends at a stop."""
        self.is_stopped = False
        while self._asked and not self.is_cancelled:
            self.is_stopped = False
            yield self._asked.pop(0)
            self.listen(now=True)
