"""What the time from Start to the first update consists of, read from a run's events."""

import dataclasses
from types import SimpleNamespace

import pytest

from benchmarks import run
from benchmarks.table import Row
from benchmarks.training import subject
from benchmarks.training.asked import Asked
from benchmarks.training.raw import Raw
from benchmarks.training.start import PARTS, parts_of, rows_of_start
from engine.job.events import Failed, Finished, Phase
from engine.job.job import Job
from tests.worker import fake_tasks

PRESSED = 1000.0


def events_at(**times):
    """A run's events, so many seconds after Start."""
    made = {
        "engine": Phase(name="engine", title=""),
        "model": Phase(name="model", title=""),
        "rows": Phase(name="rows", title=""),
        "first": Phase(name="first-step", title=""),
        "prepared": fake_tasks.a_prepared(),
        "step": fake_tasks.a_step(1),
        "next": fake_tasks.a_step(2),
        "end": Finished(outcome="done", seconds=0.0),
    }
    return [dataclasses.replace(made[name], time=PRESSED + at) for name, at in times.items()]


def test_the_parts_are_those_between_the_events_and_end_with_the_first_update():
    events = events_at(engine=0.1, model=0.25, rows=1, first=1.5, prepared=3.5, step=9.5, next=15, end=16)
    assert dict(zip(PARTS, parts_of(events, PRESSED), strict=True)) == pytest.approx(
        {"worker": 0.25, "model": 0.75, "rows": 0.5, "adapter and proof": 2.0, "update": 6.0}
    )


def test_a_run_that_did_not_train_gives_no_figures():
    failed = [*events_at(model=0.5), Failed("The model is damaged.", "Download it again.")]
    with pytest.raises(RuntimeError, match="The model is damaged"):
        parts_of(failed, PRESSED)


def test_a_row_tells_the_sum_and_the_median_of_each_part(tmp_path):
    raw = Raw(tmp_path / "raw.jsonl", "now")
    for turn, update in enumerate((5.0, 7.0, 6.0), 1):
        raw.add([0.5, 0.5, 0.25, 1.25, update], "start", "case", "warm", turn)
        raw.add([5.0, 0.5, 0.25, 1.25, update], "start", "case", "cold", turn)
    warm, cold = rows_of_start("case", Job(), 3, 0.0, raw, is_goal=True)
    assert "8.5 s" in warm.figure
    assert warm.figure.endswith(
        "worker 0.5 s, model 0.5 s, rows 0.2 s, adapter and proof 1.2 s, update 6.0 s"
    )
    assert (warm.is_met, cold.is_met, cold.aim) == (False, None, "")


def test_the_start_is_measured_by_name_alone_with_the_large_models_own_job(monkeypatch, tmp_path):
    asked_for = []
    monkeypatch.setattr(
        subject, "prepare", lambda case, *_: SimpleNamespace(case=case, model=tmp_path, data=tmp_path)
    )
    monkeypatch.setattr(subject, "job_for", lambda case, *_: case.name)

    def rows(title, job, times, settle, raw, *, is_goal):
        asked_for.append((title, job, times, is_goal))
        return [Row("warm", "7.0 s")]

    monkeypatch.setattr(subject, "rows_of_start", rows)
    table = run.LONG["start"](Asked(False, (), None))
    assert table.rows == (Row("warm", "7.0 s"),)
    run.LONG["start"](Asked(True, (), None))
    assert asked_for == [("0.5B SFT", "0.5B SFT", subject.STARTS, True), ("tiny SFT", "tiny SFT", 1, False)]
