"""The processes of one home folder: every window and worker of a test carries it in its environment."""

import time
from pathlib import Path

import psutil


def processes_of(home: Path) -> list[psutil.Process]:
    """Living processes that belong to this home."""
    found = []
    for process in psutil.process_iter():
        try:
            is_ours = process.environ().get("TUNEWRIGHT_HOME") == str(home)
            if is_ours and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.Error:  # it ended meanwhile, or is another user's
            continue
    return found


def left_behind(home: Path, seconds: float = 10.0) -> list[str]:
    """What is still there after a moment, as command lines; ended, so that no later test suffers."""
    deadline = time.monotonic() + seconds
    while (found := processes_of(home)) and time.monotonic() < deadline:
        time.sleep(0.1)
    words = []
    for process in found:
        words.append(" ".join(process.cmdline()))
        process.kill()
    return words
