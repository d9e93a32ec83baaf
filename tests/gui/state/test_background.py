import threading
import weakref

from PySide6.QtCore import QObject, QThread

from engine.job.errors import DataError
from gui.state.background import end_background, in_background
from tests.gui.waiting import rest, until


def test_the_result_comes_in_the_windows_thread(qapp):
    owner, seen = QObject(), []
    in_background(owner, threading.get_ident, lambda ident: seen.append((ident, QThread.currentThread())))
    until(lambda: seen, 5, "the result")
    ident, thread = seen[0]
    assert ident != threading.get_ident()
    assert thread is qapp.thread()


def test_a_fault_comes_in_words(qapp):
    owner, said = QObject(), []

    def fail() -> None:
        raise DataError("Row 3 is empty.", "Mend it.")

    def lose() -> None:
        open("/does/not/exist")  # noqa: PTH123, SIM115

    for work in (fail, lose):
        in_background(owner, work, said.append, lambda title, advice: said.append(title))
    until(lambda: len(said) == 2, 5, "both faults")
    assert sorted(said) == ["/does/not/exist: No such file or directory.", "Row 3 is empty."]


def test_nothing_is_called_once_the_owner_is_gone(qapp):
    owner, seen, may_end = QObject(), [], threading.Event()
    in_background(owner, may_end.wait, seen.append)
    owner.deleteLater()
    rest()
    may_end.set()
    rest(0.1)
    assert seen == []


def test_nothing_is_called_after_the_end_and_the_next_window_begins_anew(qapp):
    owner, seen, may_end = QObject(), [], threading.Event()
    in_background(owner, may_end.wait, seen.append)
    end_background(seconds=0.01)
    may_end.set()
    rest(0.1)
    assert seen == []
    in_background(owner, lambda: 7, seen.append)
    until(lambda: seen == [7], 5, "the next result")


def test_an_owner_that_nobody_else_holds_ends_in_the_windows_thread(qapp):
    ended, may_end = [], threading.Event()
    owner = QObject()
    weakref.finalize(owner, lambda: ended.append(threading.current_thread()))
    in_background(owner, may_end.wait, lambda _: None)
    del owner
    may_end.set()
    until(lambda: ended, 5, "the owner's end")
    assert ended == [threading.main_thread()]


def test_also_one_whose_job_outlives_the_window(qapp):
    ended, may_end = [], threading.Event()
    owner = QObject()
    weakref.finalize(owner, lambda: ended.append(threading.current_thread()))
    in_background(owner, may_end.wait, lambda _: None)
    del owner
    thread = next(thread for thread in threading.enumerate() if thread.name == "background")
    end_background(seconds=0.01)
    may_end.set()
    thread.join(5)
    assert ended == []
    in_background(QObject(), lambda: None, lambda _: None)
    end_background()
    assert ended == [threading.main_thread()]
