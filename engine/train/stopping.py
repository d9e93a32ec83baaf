"""A stop while a run is still being made ready. Between updates `engine.train.between` listens."""

from engine.job.channel import Desk
from engine.job.commands import Stop
from engine.job.errors import StoppedError
from engine.train.result import discard_result


def stop_if_asked(desk: Desk) -> None:
    """Raise StoppedError when a stop was heard; every other command waits for the first update.

    A stop that discards also removes what an earlier part of the run had learned.
    """
    commands = desk.heard()
    stop = next((command for command in commands if isinstance(command, Stop)), None)
    if stop is None:
        desk.put_back(commands)
        return
    if not stop.keep:
        discard_result(desk.folder)
    raise StoppedError("Stopped before the first update.")
