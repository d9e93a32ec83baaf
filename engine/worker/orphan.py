"""A task that may wait for a window ends when the window is gone, however it went."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from engine.job.channel import append
from engine.job.commands import Cancel
from engine.job.errors import FolderError

SECONDS = 2.0
WAITING = ("chat", "inspect", "download")
"""Tasks that may wait for a person: for a question, or paused. Every other task ends by itself and goes on without
a window; what a download has fetched is kept."""


@contextmanager
def end_with(parent: psutil.Process | None, folder: Path, seconds: float = SECONDS) -> Iterator[None]:
    """Cancel the folder's task when `parent` has ended. None: nobody is waited for."""
    ended = threading.Event()

    def run() -> None:
        while parent is not None and not ended.wait(seconds):
            if not parent.is_running() or parent.status() == psutil.STATUS_ZOMBIE:
                append(folder, Cancel())
                return

    def watch() -> None:
        try:
            run()
        except (psutil.Error, FolderError):  # nobody left to ask or to tell
            return

    thread = threading.Thread(target=watch, name="orphan", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def window_of(kind: str) -> psutil.Process | None:
    """The process whose end is the end of this kind of task: the window that started it, or None."""
    if kind not in WAITING or os.environ.get("TUNEWRIGHT_WINDOW") != "1":
        return None
    return psutil.Process().parent()
