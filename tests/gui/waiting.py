"""Waiting in the window's own event loop."""

import contextlib
import time
from collections.abc import Callable

from PySide6.QtCore import QEventLoop, QTimer

LOOK_MILLISECONDS = 20


def until(is_so: Callable[[], object], seconds: float = 5.0, what: str = "it to happen") -> None:
    """Let the application run until `is_so()`; fails with `what` after so many seconds."""
    loop = QEventLoop()
    deadline = time.monotonic() + seconds
    look = QTimer(interval=LOOK_MILLISECONDS)

    def end_loop() -> None:
        is_over = True
        with contextlib.suppress(Exception):  # comes again below, outside the event loop
            is_over = bool(is_so()) or time.monotonic() > deadline
        if is_over:
            look.stop()
            loop.quit()

    look.timeout.connect(end_loop)
    look.start()
    loop.exec()
    assert is_so(), f"Waited {seconds:.0f} s in vain for {what}."


def rest(seconds: float = 0.05) -> None:
    """Let the application draw and deliver what is queued."""
    end = time.monotonic() + seconds
    until(lambda: time.monotonic() >= end, seconds + 1, "the time to pass")
