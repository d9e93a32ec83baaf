"""A run that begins from another run: trained, opened, compared and exported."""

import dataclasses
import math

import pytest
import torch

from engine.job.channel import JOB_FILE, Desk, events_of
from engine.job.errors import ModelError
from engine.job.events import Exported, Step
from engine.job.job import Choice, read_job
from engine.job.record import read_record
from engine.job.tasks import ExportTask
from engine.library.lineage import lineage_of
from engine.library.models import locate_model
from engine.library.runs import create_run
from engine.train.session import train
from engine.use import reopen, stranger
from engine.use.export import export
from engine.use.open import open_model
from tests.train.tiny_runs import tiny_job, told

STRONG = {"train": {"learning_rate": 3e-2}}


def trained(job, name, source=None):
    """The folder of a finished run."""
    job = dataclasses.replace(job, name=name)
    if source is not None:
        job = dataclasses.replace(job, model=dataclasses.replace(job.model, source=source))
    run = create_run(job)
    train(read_job(run / JOB_FILE), Desk(run))
    return run


def logits_of(source):
    model = open_model(str(source), device="cpu").model
    with torch.no_grad():
        return model(torch.tensor([[1, 50, 60, 70, 80]])).logits


def with_rank(job, rank):
    settings = dataclasses.replace(job.adapter.settings, rank=rank)
    return dataclasses.replace(job, adapter=Choice("lora", settings))


@pytest.fixture
def first(tmp_path):
    """Instruction tuning that has moved the model far from its base."""
    return trained(tiny_job(tmp_path, **STRONG), "first")


@pytest.mark.parametrize("rank", [4, 2])
def test_preference_goes_on_from_instruction_tuning(rank, first, tmp_path):
    job = with_rank(tiny_job(tmp_path, "dpo", **STRONG), rank)
    second = trained(job, "second", source="first")
    assert read_record(second).parent == str(first)
    # The reference is where the run began, not the bare base: the first update is a coin's toss.
    assert told(events_of(second), Step)[0].loss == pytest.approx(math.log(2), abs=1e-5)
    base, before, after = logits_of(tmp_path / "model"), logits_of(first), logits_of(second)
    assert (before - base).abs().max() > 0.1
    assert (after - before).abs().max() > 1e-3
    assert (after - before).abs().max() < (before - base).abs().max() * 3


def test_the_very_same_adapter_learns_on_as_one(first, tmp_path):
    second = trained(tiny_job(tmp_path, "dpo"), "second", source="first")
    found = lineage_of(read_job(second / JOB_FILE))
    assert (found.start, found.beneath) == (first / "adapter", ())
    assert locate_model(str(second)) == tmp_path / "model"


def test_another_adapter_stands_on_the_first_ones_result(first, tmp_path):
    second = trained(with_rank(tiny_job(tmp_path, "dpo"), 2), "second", source="first")
    third = trained(tiny_job(tmp_path, "sft"), "third", source="second")
    found = lineage_of(read_job(third / JOB_FILE))
    assert found.start is None
    assert found.beneath == (first / "adapter", second / "adapter")
    assert torch.isfinite(logits_of(third)).all()


def test_a_model_trained_whole_is_the_next_runs_base(tmp_path):
    whole = trained(tiny_job(tmp_path, adapter="full"), "whole")
    second = trained(tiny_job(tmp_path, "dpo"), "second", source="whole")
    assert lineage_of(read_job(second / JOB_FILE)).folder == whole / "adapter"
    assert told(events_of(second), Step)[0].loss == pytest.approx(math.log(2), abs=1e-5)


def test_a_run_can_begin_at_a_checkpoint(first, tmp_path):
    second = trained(tiny_job(tmp_path, "dpo"), "second", source="first@3")
    assert lineage_of(read_job(second / JOB_FILE)).start == first / "checkpoints" / "step-000003"


@pytest.mark.parametrize("rank", [4, 2])
def test_a_chained_run_is_exported_whole(rank, first, tmp_path, monkeypatch):
    monkeypatch.setattr(stranger, "_run", lambda arguments, *_: reopen.main(*arguments) or "")
    second = trained(with_rank(tiny_job(tmp_path, "dpo", **STRONG), rank), "second", source="first")
    desk = Desk(tmp_path / "task")
    desk.folder.mkdir()
    export(ExportTask(run=str(second), out=str(tmp_path / "out"), format="merged", type="float32"), desk)
    path = told(events_of(desk.folder), Exported)[0].path
    torch.testing.assert_close(logits_of(path), logits_of(second), atol=1e-5, rtol=1e-5)


def test_an_adapter_that_is_only_half_the_story_is_not_exported_alone(first, tmp_path):
    second = trained(with_rank(tiny_job(tmp_path, "dpo"), 2), "second", source="first")
    desk = Desk(tmp_path / "task")
    desk.folder.mkdir()
    with pytest.raises(ModelError, match="not the whole model"):
        export(ExportTask(run=str(second), out=str(tmp_path / "out"), format="adapter"), desk)
