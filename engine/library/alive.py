"""Whether the worker that a run record names still lives. A process id alone proves nothing: it is used again."""

import time
from pathlib import Path

from engine.job.record import ENDED, RunRecord, read_record, update_record

_CLOCK_SLACK = 30.0  # seconds that clock and process start may disagree after a sleep or a correction
_START_SECONDS = 120.0  # a worker that has not even signed in by then never will
_COMMAND_WORDS = ("engine", "tunewright")


def is_alive(record: RunRecord) -> bool:
    """Whether `record.pid` runs, is one of our workers, and is not a later process with the same id."""
    if record.pid is None or record.status in ENDED:
        return False
    import psutil

    try:
        process = psutil.Process(record.pid)
        if process.status() == psutil.STATUS_ZOMBIE:
            return False
        signed = record.heartbeat or record.started or record.created
        if process.create_time() > signed + _CLOCK_SLACK:
            return False
        command = " ".join(process.cmdline()).lower()
    except psutil.NoSuchProcess:
        return False
    except psutil.AccessDenied:  # another user's process, not ours
        return False
    # A process that is being started has no command line yet for a moment.
    return not command or any(word in command for word in _COMMAND_WORDS)


def settle(folder: Path) -> RunRecord:
    """The run's record, marked "lost" first when its worker died without a word."""
    record = read_record(folder)
    if record.status in ENDED or record.status == "created" or is_alive(record):
        return record
    is_starting = record.pid is None and time.time() - (record.started or record.created) < _START_SECONDS
    if is_starting:
        return record
    message = (
        "The engine ended without a word, most likely because memory ran out or the computer was shut down."
    )
    ended = record.heartbeat or record.started or record.created
    return update_record(folder, status="lost", finished=ended, message=message)
