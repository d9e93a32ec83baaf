import threading

import pytest
from PySide6.QtCore import QObject

from gui import ahead
from gui.state.background import end_background
from tests.gui.waiting import rest, until


@pytest.fixture
def imported(monkeypatch):
    """Each library with the thread in which it was imported."""
    found = []
    monkeypatch.setattr(ahead, "import_module", lambda name: found.append((name, threading.current_thread())))
    return found


def test_qts_types_are_made_in_the_thread_that_paints_and_numbers_elsewhere(qapp, imported):
    ahead.import_ahead(QObject(qapp))
    until(lambda: len(imported) == 3, 5, "the imports")
    names, threads = zip(*imported, strict=True)
    assert names == ("numpy", "numpy.ma", "pyqtgraph")
    assert threading.main_thread() not in threads[:2]
    assert threads[2] is threading.main_thread()


def test_a_window_that_was_closed_meanwhile_needs_no_charts(qapp, imported):
    ahead.import_ahead(QObject(qapp))
    end_background()
    rest(0.1)
    assert [name for name, _ in imported] == ["numpy", "numpy.ma"]
