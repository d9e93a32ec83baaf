"""A task's folder as the only channel: append a message, tail the other side's messages."""

import os
from pathlib import Path
from typing import Generic, TypeVar

from engine.job.commands import Command
from engine.job.errors import FolderError
from engine.job.events import Event, Message
from engine.job.messages import decode, encode

JOB_FILE = "job.toml"
RECORD_FILE = "run.json"
EVENTS_FILE = "events.jsonl"
COMMANDS_FILE = "commands.jsonl"
LOG_FILE = "engine.log"
CHECKPOINTS = "checkpoints"
ADAPTER = "adapter"
EXPORTS = "exports"

M = TypeVar("M", bound=Message)


def append(folder: Path, message: Message) -> None:
    """Append one message to the folder's events or commands, in a single write."""
    name = COMMANDS_FILE if isinstance(message, Command) else EVENTS_FILE
    # Half a character, which a file of data may hold, is written as its JSON escape.
    data = (encode(message) + "\n").encode("utf-8", "backslashreplace")
    try:
        handle = os.open(folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        try:
            os.write(handle, data)
        finally:
            os.close(handle)
    except OSError as error:
        advice = "Check that the folder exists, is writable and has free space."
        raise FolderError(f"{folder / name} cannot be written: {error.strerror}.", advice) from None


class Tail(Generic[M]):
    """Reads what was appended to one file since the last look. A line half written waits for its end."""

    def __init__(self, path: Path, kind: type[M], from_end: bool = False) -> None:
        self.path = path
        self._kind = kind
        self._offset = path.stat().st_size if from_end and path.exists() else 0
        self._rest = b""

    def read(self) -> list[M]:
        """The messages that are new; unreadable lines and unknown kinds are passed over."""
        try:
            with self.path.open("rb") as file:
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self._offset += len(data)
        *lines, self._rest = (self._rest + data).split(b"\n")
        found = (self._decoded(line) for line in lines if line.strip())
        return [message for message in found if message is not None]

    def _decoded(self, line: bytes) -> M | None:
        try:
            message = decode(line.decode("utf-8", "replace"))
        except ValueError:  # a line that a crash cut short
            return None
        return message if isinstance(message, self._kind) else None


class Desk:
    """A worker's side of its folder: tell events, hear commands. Every task function gets one.

    Commands from before `since` (seconds since the epoch) are history: they were meant for an earlier worker.
    """

    def __init__(self, folder: Path, since: float = 0.0) -> None:
        self.folder = folder
        self._since = since
        self._commands = Tail(folder / COMMANDS_FILE, Command)
        self._back: list[Command] = []

    def tell(self, event: Event) -> None:
        """Append an event."""
        append(self.folder, event)

    def heard(self) -> list[Command]:
        """The commands that came since the last look, and first those that were put back."""
        back, self._back = self._back, []
        return back + [command for command in self._commands.read() if command.time >= self._since]

    def put_back(self, commands: list[Command]) -> None:
        """Leave commands that were heard for whoever listens next."""
        self._back += commands


def events_of(folder: Path) -> list[Event]:
    """The whole history of a task."""
    return Tail(folder / EVENTS_FILE, Event).read()
