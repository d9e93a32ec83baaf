import dataclasses
import sys
from pathlib import Path

import pytest

from engine.job.channel import COMMANDS_FILE, Tail, append
from engine.job.commands import Cancel, Command, Stop
from engine.job.events import Failed, Finished, Lost, Remark, Started
from engine.job.record import read_record
from engine.library import launch
from engine.library.runs import create_run
from gui import engine_thread
from gui.engine_thread import EngineThread
from tests.gui.waiting import until
from tests.gui.windows import ended_run, quick_job

WORKER = Path(__file__).with_name("fake_worker.py")


@pytest.fixture
def engine(qapp, monkeypatch):
    monkeypatch.setattr(launch, "worker_command", lambda argument: [sys.executable, str(WORKER), argument])
    thread = EngineThread()
    thread.told = {}
    thread.events.connect(lambda folder, events: thread.told.setdefault(folder, []).extend(events))
    thread.start()
    yield thread
    thread.close()
    assert thread.isFinished()


def made(what: str) -> Path:
    return create_run(dataclasses.replace(quick_job(), name=what))


def told(engine, folder: Path, kind: type) -> list:
    return [event for event in engine.told.get(str(folder), []) if isinstance(event, kind)]


def ended(engine, folder: Path) -> bool:
    return bool(told(engine, folder, Finished | Failed | Lost))


def test_a_started_task_is_told_to_its_end(engine):
    folder = made("finish")
    engine.start_task(folder)
    until(lambda: ended(engine, folder), 20, "the task to end")
    kinds = [type(event) for event in engine.told[str(folder)]]
    assert kinds == [Started, Remark, Finished]
    assert told(engine, folder, Remark)[0].title == "cold"


def test_a_warm_worker_takes_the_next_task(engine):
    engine.keep_warm(True)
    until(lambda: engine._spare is not None, 10, "the spare worker")
    folder = made("finish")
    engine.start_task(folder)
    until(lambda: ended(engine, folder), 20, "the task to end")
    assert told(engine, folder, Remark)[0].title == "warm"


def test_a_spare_that_has_died_is_replaced_by_a_cold_start(engine):
    engine.keep_warm(True)
    until(lambda: engine._spare is not None, 10, "the spare worker")
    spare = engine._spare
    spare.kill()
    spare.wait()
    folder = made("finish")
    engine.start_task(folder)
    until(lambda: ended(engine, folder), 20, "the task to end")
    assert told(engine, folder, Remark)[0].title == "cold"


@pytest.mark.parametrize(("what", "code", "word"), [("kill", -9, "memory"), ("exit", 7, "code 7")])
def test_a_worker_that_ends_without_a_word_is_told_as_lost(engine, what, code, word):
    folder = made(what)
    (folder / "checkpoints" / "step-000012").mkdir(parents=True)
    engine.start_task(folder)
    until(lambda: ended(engine, folder), 20, "the loss")
    (lost,) = told(engine, folder, Lost)
    assert lost.exit_code == code
    assert word in lost.title
    assert read_record(folder).status == "lost"


def test_commands_reach_the_worker(engine):
    folder = made("wait")
    engine.start_task(folder)
    until(lambda: told(engine, folder, Started), 20, "the start")
    engine.send(folder, Stop(keep=True))
    until(lambda: told(engine, folder, Finished), 20, "the end")


def test_an_ended_run_is_replayed_from_its_first_event(engine):
    folder = ended_run(quick_job(), Started("train", 1, {}), Remark("info", "x"), Finished("done", 1.0))
    engine.watch(folder)
    until(lambda: ended(engine, folder), 10, "the replay")
    assert len(engine.told[str(folder)]) == 3


@pytest.mark.parametrize("status", ["done", "stopped"])
def test_a_history_without_its_last_line_ends_as_the_record_says(engine, status):
    folder = ended_run(quick_job(), Started("train", 1, {}), status=status)
    engine.watch(folder)
    until(lambda: ended(engine, folder), 10, "the end")
    assert told(engine, folder, Finished)[0].outcome == status
    assert not told(engine, folder, Lost)


def test_a_run_that_another_process_left_unfinished_is_told_as_lost(engine):
    folder = ended_run(quick_job(), Started("train", 1, {}), status="running")
    engine.watch(folder)
    until(lambda: ended(engine, folder), 10, "the loss")
    assert told(engine, folder, Lost)[0].exit_code is None


def test_what_is_not_watched_is_not_told(engine):
    folder = made("wait")
    engine.start_task(folder)
    until(lambda: told(engine, folder, Started), 20, "the start")
    engine.unwatch(folder)
    engine.send(folder, Stop())
    other = made("finish")
    engine.start_task(other)
    until(lambda: ended(engine, other), 20, "the other to end")
    assert not ended(engine, folder)
    until(lambda: read_record(folder).status == "done", 10, "the task to go on by itself")


def test_a_task_goes_on_when_the_thread_is_closed(engine):
    folder = made("wait")
    engine.start_task(folder)
    until(lambda: told(engine, folder, Started), 20, "the start")
    engine.close()
    append(folder, Stop())
    until(lambda: read_record(folder).status == "done", 10, "the task to go on by itself")


def test_a_folder_that_is_gone_is_told_in_words(engine, tmp_path):
    engine.start_task(tmp_path / "gone")
    until(lambda: ended(engine, tmp_path / "gone"), 10, "the refusal")
    assert "cannot be written" in told(engine, tmp_path / "gone", Failed)[0].title
    folder = made("finish")
    engine.start_task(folder)
    until(lambda: told(engine, folder, Finished), 20, "the thread to work on")


def test_a_task_that_was_called_off_before_its_start_gets_no_worker(engine):
    folder, other = made("wait"), made("finish")
    append(folder, Cancel())
    engine.start_task(folder)
    engine.start_task(other)
    until(lambda: ended(engine, other), 20, "the other task to end")
    assert engine.told.get(str(folder)) is None
    assert read_record(folder).pid is None


def test_a_task_that_is_called_off_while_its_worker_starts_hears_of_it(engine, monkeypatch):
    start = engine_thread.start_worker

    def slow(folder, beside_window):
        append(folder, Cancel())  # before the worker is asked for, which passes over what came earlier
        return start(folder, beside_window=beside_window)

    monkeypatch.setattr(engine_thread, "start_worker", slow)
    folder = made("wait")
    engine.start_task(folder)
    until(lambda: ended(engine, folder), 20, "the task to end")
    cancels = Tail(folder / COMMANDS_FILE, Command).read()
    assert cancels[0].time < read_record(folder).started < cancels[1].time
