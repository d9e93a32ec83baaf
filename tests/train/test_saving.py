import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from engine.job.commands import Resume, Save
from engine.job.errors import DataError
from engine.job.events import (
    Continued,
    Evaluated,
    Paused,
    Remark,
    Saved,
    Step,
    Trained,
)
from engine.job.job import with_value
from tests.train.tiny_runs import Crash, crash_at, newest, run, tiny_job, told


def weights_after(folder):
    return load_file(folder / "adapter" / "adapter_model.safetensors")


@pytest.mark.parametrize(
    ("method", "packing", "settings"),
    [
        ("sft", "auto", {"neftune": 5.0}),
        ("dpo", "off", {}),
        ("dpo", "auto", {"reference_update": 3, "reference_share": 0.5}),
        ("kto", "auto", {}),
        ("bco", "auto", {}),
    ],
    ids=str,
)
def test_a_run_that_was_cut_short_and_resumed_ends_in_the_very_same_weights(
    method, packing, settings, tmp_path
):
    sections = {
        "settings": settings,
        "train": {"steps": 8, "micro_batch": 2},
        "rows": {"packing": packing},
        "watch": {"evaluate_every": 3},
    }
    job = tiny_job(tmp_path, method, dropout=0.2, **sections)
    whole = run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "cut", crash_at(6))
    resumed = run(job, tmp_path / "cut", resume_from=newest(tmp_path / "cut"))
    assert [step.step for step in told(resumed, Step)] == [1, 2, 3, 4, 5, 6, 5, 6, 7, 8]
    for kind, fields in ((Step, ("loss", "learning_rate", "rows")), (Evaluated, ("loss", "is_best"))):
        told_by_step = {event.step: event for event in told(resumed, kind)}
        for event in told(whole, kind):
            again = told_by_step[event.step]
            assert [getattr(again, name) for name in fields] == [getattr(event, name) for name in fields]
    first, second = weights_after(tmp_path / "whole"), weights_after(tmp_path / "cut")
    assert all(torch.equal(first[name], second[name]) for name in first)
    ends = told(whole, Trained)[0], told(resumed, Trained)[0]
    for name in ("first_loss", "last_loss", "best_loss", "best_step", "tokens"):
        assert getattr(ends[0], name) == getattr(ends[1], name)


def test_a_model_trained_whole_resumes_to_the_very_same_weights(tmp_path):
    job = tiny_job(tmp_path, "dpo", "full", train={"steps": 6})
    run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "cut", crash_at(5))
    run(job, tmp_path / "cut", resume_from=newest(tmp_path / "cut"))
    paths = [tmp_path / name / "adapter" / "model.safetensors" for name in ("whole", "cut")]
    first, second = map(load_file, paths)
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path):
    job, folder = tiny_job(tmp_path, train={"steps": 4}), tmp_path / "run"
    run(job, folder, lambda event: [Save()] if isinstance(event, Step) else [])
    last = newest(folder)
    (last / "optimizer.safetensors").write_bytes(b"x")
    events = run(job, folder, resume_from=last)
    remark = told(events, Remark)[-1]
    assert "step-000004" in remark.title
    assert remark.advice == "Going on from step 3."
    assert [step.step for step in told(events, Step)] == [1, 2, 3, 4, 4]


def test_data_that_changed_since_the_checkpoint_is_refused(tmp_path):
    job, folder = tiny_job(tmp_path), tmp_path / "run"
    run(job, folder)
    with Path(job.data[0].path).open("a", encoding="utf-8") as file:
        file.write('{"instruction": "dog?", "response": "fox"}\n')
    with pytest.raises(DataError, match="changed"):
        run(job, folder, resume_from=newest(folder))


def test_another_number_of_threads_is_told_when_resuming(tmp_path):
    job, folder = tiny_job(tmp_path), tmp_path / "run"
    run(job, folder)
    threads = torch.get_num_threads()
    other = with_value(job, "device.threads", threads + 1)
    try:
        events = run(other, folder, resume_from=newest(folder))
    finally:
        torch.set_num_threads(threads)
    assert any("threads" in remark.title for remark in told(events, Remark))


def test_the_best_and_the_newest_checkpoints_are_kept(tmp_path):
    job = tiny_job(tmp_path, train={"steps": 6}, watch={"evaluate_every": 1}, saving={"keep": 1})
    events = run(job, tmp_path / "run", lambda event: [Save()] if isinstance(event, Step) else [])
    best = told(events, Trained)[0].best_step
    kept = {path.name for path in (tmp_path / "run" / "checkpoints").iterdir()}
    assert kept == {f"step-{best:06d}", "step-000006"}
    assert best == min(told(events, Evaluated), key=lambda e: e.loss).step


def test_checkpoints_come_by_the_clock(tmp_path):
    job = tiny_job(tmp_path, saving={"every_minutes": 1e-9, "best": False})
    assert [s.reason for s in told(run(job, tmp_path / "run"), Saved)] == ["time", "time", "end"]


def test_a_full_disk_pauses_until_there_is_space(tmp_path, monkeypatch):
    free = iter([0, 2**50, 2**50, 2**50, 2**50])
    usage = shutil.disk_usage(tmp_path)._replace
    monkeypatch.setattr("engine.train.checkpoints.shutil.disk_usage", lambda place: usage(free=next(free)))

    def script(event):
        match event:
            case Step(step=1):
                return [Save()]
            case Paused():
                return [Resume()]
        return []

    job = tiny_job(tmp_path, saving={"best": False})
    events = run(job, tmp_path / "run", script)
    order = [
        type(event).__name__
        for event in events
        if event.__class__ in (Remark, Paused, Continued, Saved, Step)
    ]
    assert order == ["Step", "Remark", "Paused", "Saved", "Continued", "Step", "Step", "Saved"]
    assert "MiB" in told(events, Remark)[0].title
