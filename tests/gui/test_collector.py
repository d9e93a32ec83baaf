import gc
import threading
import weakref

import pytest
from PySide6.QtCore import QObject, QTimer

from gui.collector import Collector, collect_what_is_due


class Circle:
    """Refers to itself, so that only a collection frees it. It tells in which thread that was."""

    def __init__(self, freed):
        self.me = self
        weakref.finalize(self, lambda: freed.append(threading.current_thread()))


@pytest.fixture
def _as_before():
    yield
    gc.disable()  # as all tests of the window have it


@pytest.mark.usefixtures("_as_before")
def test_circles_are_freed_in_the_main_thread_alone(qapp):
    gc.collect()
    gc.enable()
    owner = QObject()
    collector = Collector(owner)
    freed = []
    Circle(freed)

    def make_many():
        [[] for _ in range(100_000)]  # in a thread of Python's own choice this would start a collection

    thread = threading.Thread(target=make_many)
    thread.start()
    thread.join()
    assert freed == []
    keep = [[] for _ in range(gc.get_threshold()[0] + 100)]
    collector.findChild(QTimer).timeout.emit()
    assert freed == [threading.main_thread()]
    assert len(keep) > 0


def test_nothing_is_done_while_little_was_made(qapp):
    gc.collect()
    freed = []
    Circle(freed)
    collect_what_is_due()
    assert freed == []
    gc.collect()
    assert len(freed) == 1
