"""Frees what refers to itself in circles, in the main thread only.

Python does that in whatever thread happens to make an object. When that is the engine's or a background thread,
it takes widgets and chart items apart behind Qt's back, and the window crashes in the midst of painting.
"""

import gc

from PySide6.QtCore import QObject, QTimer

INTERVAL_MS = 1000


class Collector(QObject):
    """Takes Python's automatic collection over for the life of the process; make one, in the main thread."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        gc.disable()
        timer = QTimer(self)
        timer.setInterval(INTERVAL_MS)
        timer.timeout.connect(collect_what_is_due)
        timer.start()


def collect_what_is_due() -> None:
    """Collect the oldest generation that has passed Python's own thresholds, as Python would have."""
    due = [
        number
        for number, (count, most) in enumerate(zip(gc.get_count(), gc.get_threshold(), strict=True))
        if count > most
    ]
    if due:
        gc.collect(due[-1])
