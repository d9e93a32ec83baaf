import os

import pytest

from engine.job.channel import JOB_FILE, append, events_of
from engine.job.commands import Stop
from engine.job.events import Failed, Finished, Phase, Started, Step
from engine.job.job import Job, write_job
from engine.job.record import RunRecord, read_record, update_record, write_record
from engine.job.sections import DataSource
from engine.job.tasks import ExportTask, write_task
from engine.worker import work as module
from engine.worker.work import work
from tests.worker import fake_tasks


@pytest.fixture
def run_folder(tmp_path):
    write_job(Job(data=(DataSource(path="rows.jsonl"),)), tmp_path / JOB_FILE)
    write_record(tmp_path, RunRecord(name="a run"))
    fake_tasks.calls.clear()
    return tmp_path


@pytest.fixture
def work_with(monkeypatch, run_folder):
    def run(name="train"):
        monkeypatch.setitem(module.TASKS, "train", f"tests.worker.fake_tasks:{name}")
        return work(run_folder)

    return run


def test_a_task_is_told_from_started_to_finished(work_with, run_folder):
    assert work_with() == 0

    events = events_of(run_folder)
    assert isinstance(events[0], Started)
    assert events[0].pid == os.getpid()
    assert events[0].versions["torch"]
    assert events[1] == Phase(name="engine", title=events[1].title, time=events[1].time)
    assert sum(isinstance(event, Step) for event in events) == fake_tasks.STEPS
    assert events[-1].outcome == "done"


def test_what_was_imported_is_not_looked_through_for_garbage_while_training(work_with, monkeypatch):
    monkeypatch.setattr("gc.freeze", lambda: fake_tasks.calls.append("frozen"))
    work_with()

    assert fake_tasks.calls == ["frozen", None]


def test_the_record_follows_the_events(work_with, run_folder):
    work_with()

    record = read_record(run_folder)
    assert (record.status, record.step, record.steps) == ("done", 4, 4)
    assert record.last_loss == 1.0 / 4
    assert record.pid == os.getpid()
    assert record.finished is not None
    assert record.heartbeat is not None


def test_a_pause_stands_in_the_record(work_with, run_folder, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "engine.worker.desk.update_record",
        lambda folder, **changes: seen.append(changes.get("status")) or update_record(folder, **changes),
    )
    assert work_with("pause") == 3
    assert [status for status in seen if status] == ["starting", "paused", "stopped"]


def test_a_stop_that_came_early_ends_the_run_as_stopped(work_with, run_folder):
    append(run_folder, Stop(keep=True))

    assert work_with() == 3
    assert events_of(run_folder)[-1].outcome == "stopped"
    assert read_record(run_folder).status == "stopped"


def test_a_stop_that_discards_ends_the_run_as_discarded(work_with, run_folder):
    append(run_folder, Stop(keep=False))

    assert work_with("discard") == 3
    assert read_record(run_folder).status == "discarded"


def test_a_resumed_run_passes_over_the_stop_that_ended_it(work_with, run_folder):
    append(run_folder, Stop(keep=True))
    assert work_with() == 3

    assert work_with() == 0
    assert read_record(run_folder).status == "done"


def test_a_resumed_run_passes_over_a_stop_that_a_killed_worker_never_heard(work_with, run_folder):
    assert work_with("break_down") == 1
    append(run_folder, Stop(keep=True))
    update_record(
        run_folder, status="starting", pid=None, heartbeat=None, started=events_of(run_folder)[-1].time + 60
    )

    assert work_with() == 0


def test_a_run_with_checkpoints_goes_on_from_the_newest(work_with, run_folder):
    for step in ("000090", "000200", "001000"):
        (run_folder / "checkpoints" / f"step-{step}").mkdir(parents=True)

    work_with()

    assert fake_tasks.calls[-1].name == "step-001000"
    assert events_of(run_folder)[0].resumed_from == 1000


def test_bad_input_ends_in_its_own_words(work_with, run_folder):
    assert work_with("refuse") == 2

    failed = events_of(run_folder)[-1]
    assert (failed.title, failed.advice, failed.input_error) == ("Row 3 has no answer.", "Add one.", True)
    assert read_record(run_folder).status == "failed"
    assert read_record(run_folder).message == "Row 3 has no answer."


def test_an_unknown_error_is_told_in_a_sentence_with_the_traceback_as_detail(work_with, run_folder):
    assert work_with("break_down") == 1

    failed = events_of(run_folder)[-1]
    assert isinstance(failed, Failed)
    assert failed.title.startswith("Something unexpected happened: RuntimeError: shape mismatch")
    assert "a page more" not in failed.title
    assert "break_down" in failed.detail
    assert "hf_abcdefghijkl" not in failed.title + failed.detail


def test_memory_that_ran_out_is_told_with_what_to_do(work_with, run_folder):
    assert work_with("run_out_of_memory") == 1

    failed = events_of(run_folder)[-1]
    assert failed.title == "Memory ran out."
    assert "micro_batch" in failed.advice


def test_a_damaged_job_file_is_refused(run_folder):
    (run_folder / JOB_FILE).write_text("[train]\nepoch = 3\n", encoding="utf-8")

    assert work(run_folder) == 2
    assert "train.epoch" in events_of(run_folder)[-1].title


def test_a_folder_with_a_job_alone_gets_a_record(tmp_path, monkeypatch):
    monkeypatch.setitem(module.TASKS, "export", "tests.worker.fake_tasks:export")
    write_task(ExportTask(run="a", out="b"), tmp_path / JOB_FILE)

    assert work(tmp_path) == 0
    assert read_record(tmp_path).task == "export"
    assert isinstance(events_of(tmp_path)[-1], Finished)
