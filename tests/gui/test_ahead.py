import sys
import threading

import pytest

from gui import ahead


@pytest.fixture
def imported(monkeypatch):
    """Each library with what threads took turns by while it was imported, and in which thread."""
    found = []

    def note(name):
        found.append((name, sys.getswitchinterval(), threading.current_thread().name))

    monkeypatch.setattr(ahead, "import_module", note)
    return found


def ends():
    for thread in threading.enumerate():
        if thread.name == "import ahead":
            thread.join(5)


def test_qts_types_are_not_made_while_another_thread_paints(imported):
    usual = sys.getswitchinterval()
    ahead.import_ahead()
    ends()
    names, intervals, threads = zip(*imported, strict=True)
    assert names == ("numpy", "numpy.ma", "pyqtgraph")
    assert intervals[:2] == (usual, usual)
    assert intervals[2] > 1
    assert set(threads) == {"import ahead"}
    assert sys.getswitchinterval() == usual


def test_threads_take_turns_as_before_also_where_the_library_is_missing(monkeypatch):
    def refuse(name):
        raise ImportError(name)

    usual = sys.getswitchinterval()
    monkeypatch.setattr(ahead, "LIBRARIES", ())
    monkeypatch.setattr(ahead, "import_module", refuse)
    with pytest.raises(ImportError):
        ahead._import()
    assert sys.getswitchinterval() == usual
