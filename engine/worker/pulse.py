"""The sign of life: a thread that writes the worker's heartbeat into `run.json` every two seconds."""

import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from engine.job.errors import FolderError
from engine.worker.desk import RecordingDesk

SECONDS = 2.0


@contextmanager
def pulse(desk: RecordingDesk, seconds: float = SECONDS) -> Iterator[None]:
    """Beat while the block runs. A beat that fails (a full disk) is logged; the work goes on."""
    ended = threading.Event()

    def run() -> None:
        while not ended.wait(seconds):
            try:
                desk.beat()
            except FolderError as error:
                logging.getLogger(__name__).warning("No heartbeat: %s", error)

    thread = threading.Thread(target=run, name="pulse", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
