"""Imports that begin early."""

import threading

from engine.library.early import await_early, begin_early


def test_early_imports_go_on_beside_and_are_waited_for_where_they_are_needed():
    may_end, has_ended = threading.Event(), threading.Event()

    def imports():
        may_end.wait(10)
        has_ended.set()

    begin_early(imports)
    assert not has_ended.is_set()  # nobody waited
    may_end.set()
    await_early()
    assert has_ended.is_set()


def test_a_library_that_cannot_be_loaded_is_logged_and_left_to_the_task_to_tell(caplog):
    def imports():
        raise ImportError("no such library")

    begin_early(imports)
    await_early()
    assert "cannot be loaded" in caplog.text


def test_without_early_imports_there_is_nothing_to_wait_for():
    await_early()
