"""Imports that begin early, in a thread of their own, while nobody waits for them yet."""

import logging
import threading
from collections.abc import Callable

_threads: list[threading.Thread] = []


def begin_early(import_libraries: Callable[[], None]) -> None:
    """Start importing; what goes wrong is logged, and met again by the task that needs the library."""

    def work() -> None:
        try:
            import_libraries()
        except (ImportError, OSError):
            logging.getLogger(__name__).exception("The libraries cannot be loaded.")

    thread = threading.Thread(target=work, name="early-imports", daemon=True)
    _threads.append(thread)
    thread.start()


def await_early() -> None:
    """Wait until early imports are done. To be called before importing one of their libraries.

    Two threads that import the same libraries from two ends could otherwise meet half-made modules.
    """
    while _threads:
        _threads.pop().join()
