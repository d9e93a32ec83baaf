import dataclasses
import math

import pytest
import torch

from engine.job.errors import JobError
from engine.job.events import Evaluated, Step
from engine.job.job import write_job
from engine.job.methods import METHODS
from engine.job.record import RunRecord, write_record
from engine.job.sections import DataSource
from engine.library.folders import cache_folder
from engine.models.load import load_model
from engine.models.segments import take_segments
from engine.train.forward import Policy
from engine.train.objective import PairObjective
from engine.train.reference import Reference
from tests.models.tiny_folders import tiny_folder
from tests.train.tiny_runs import run, tiny_job, told, write_rows


@pytest.fixture
def looks(monkeypatch):
    """Every batch that a reference has looked at."""
    found = []
    original = Reference._learn

    def counted(self, batch):
        if self.known[list(batch.examples), 0].isnan().any():
            found.append(batch)
        original(self, batch)

    monkeypatch.setattr(Reference, "_learn", counted)
    return found


@pytest.mark.parametrize("adapter", ["lora", "full"])
@pytest.mark.parametrize("method", ["dpo", "kto", "simpo"])
def test_a_second_run_with_the_same_reference_starts_at_once(method, adapter, looks, tmp_path):
    job = tiny_job(tmp_path, method, adapter)
    first = told(run(job, tmp_path / "first"), Step)
    assert looks
    looks.clear()
    second = told(run(job, tmp_path / "second"), Step)
    assert looks == []
    assert [step.loss for step in first] == [step.loss for step in second]


FREE = [kind for kind, card in METHODS.items() if card.family == "preference" and not card.needs_reference]


@pytest.mark.parametrize("method", FREE)
def test_without_a_reference_the_rows_kept_back_alone_are_looked_at(method, looks, tmp_path):
    events = run(tiny_job(tmp_path, method), tmp_path / "run")
    checks, steps = told(events, Evaluated), told(events, Step)
    assert sum(len(batch.examples) for batch in looks) == checks[0].rows > 0
    assert all(check.metrics["kl"] > 0 for check in checks)
    assert checks[-1].metrics["kl"] > checks[0].metrics["kl"]
    assert all("kl" not in step.metrics for step in steps)


@pytest.mark.parametrize("adapter", ["lora", "prefix", "full"])
def test_the_drift_is_measured_from_the_model_before_training(adapter, monkeypatch, tmp_path):
    seen = []
    original = PairObjective._of

    def noted(self, batch):
        if not torch.is_grad_enabled():
            seen.append((batch, self._policy.score_pairs(batch)))
        return original(self, batch)

    monkeypatch.setattr(PairObjective, "_of", noted)
    train = {"learning_rate": 1e-2, "steps": 1}
    rows = {"packing": "off"}  # a plain model takes the same batches
    events = run(tiny_job(tmp_path, "simpo", adapter, train=train, rows=rows), tmp_path / "run")
    base = Policy(load_model(tmp_path / "model", "float32", "cpu").model, "cpu")
    drifts = []
    with torch.no_grad():
        for batch, now in seen:
            start = base.score_pairs(batch)
            drifts.append(0.5 * (now.chosen - start.chosen) ** 2 / now.chosen_tokens)
            drifts.append(0.5 * (now.rejected - start.rejected) ** 2 / now.rejected_tokens)
    expected = torch.cat(drifts).mean().item()
    assert expected > 1e-6
    assert told(events, Evaluated)[-1].metrics["kl"] == pytest.approx(expected, rel=1e-3)


def test_without_rows_kept_back_nothing_is_looked_at(looks, tmp_path):
    run(tiny_job(tmp_path, "simpo", rows={"validation": 0.0}), tmp_path / "run")
    assert looks == []


def test_everything_is_looked_at_before_the_first_update(looks, tmp_path):
    counts = []
    run(
        tiny_job(tmp_path, "dpo"),
        tmp_path / "run",
        lambda event: counts.append((type(event), len(looks))) or [],
    )
    assert {count for kind, count in counts if kind in (Step, Evaluated)} == {len(looks)}


@pytest.mark.parametrize(
    ("section", "name", "value"),
    [("rows", "max_tokens", 12), ("rows", "template", "plain"), ("model", "dtype", "bfloat16")],
)
def test_another_cut_template_or_precision_is_looked_at_anew(section, name, value, looks, tmp_path):
    run(tiny_job(tmp_path, "dpo"), tmp_path / "first")
    looks.clear()
    run(tiny_job(tmp_path, "dpo", **{section: {name: value}}), tmp_path / "second")
    assert looks


def test_other_data_is_looked_at_only_where_it_is_new(looks, tmp_path):
    job = tiny_job(tmp_path, "dpo", train={"steps": None, "epochs": 1.0}, rows={"validation": 0.0})
    run(job, tmp_path / "first")
    looks.clear()
    rows = [{"prompt": "dog?", "chosen": "fox", "rejected": "no"}]
    path = write_rows(tmp_path / "more.jsonl", rows)
    both = tiny_job(
        tmp_path, "dpo", train={"steps": None, "epochs": 1.0, "batch_size": 13}, rows={"validation": 0.0}
    )
    both = dataclasses.replace(both, data=(*both.data, DataSource(path=str(path))))
    run(both, tmp_path / "second")
    assert len(looks) == 1  # one update, whose other rows are known


def test_a_damaged_file_of_known_numbers_is_made_anew(looks, tmp_path):
    job = tiny_job(tmp_path, "dpo")
    run(job, tmp_path / "first")
    (file,) = (cache_folder() / "reference").glob("*")
    good = file.read_bytes()
    file.write_bytes(good[: len(good) // 2])
    looks.clear()
    run(job, tmp_path / "second")
    assert looks
    assert file.read_bytes() == good


def test_another_model_can_be_the_reference(tmp_path):
    other = tiny_folder(tmp_path / "other", seed=7)
    job = tiny_job(tmp_path, "dpo", settings={"reference": str(other)})
    step = told(run(job, tmp_path / "run"), Step)[0]
    assert step.metrics["reward_margin"] != pytest.approx(0, abs=1e-3)
    assert "accuracy" in step.metrics  # they differ from the first step on


def test_the_reference_is_really_that_model(tmp_path, monkeypatch):
    other = tiny_folder(tmp_path / "other", seed=7)
    seen = []
    original = Reference.of_pairs

    def noted(self, batch):
        found = original(self, batch)
        seen.append((batch, found.chosen))
        return found

    monkeypatch.setattr(Reference, "of_pairs", noted)
    run(tiny_job(tmp_path, "dpo", settings={"reference": str(other)}), tmp_path / "run")
    policy = Policy(load_model(other, "float32", "cpu").model, "cpu")
    assert take_segments(policy.model)
    with torch.no_grad():
        for batch, chosen in seen:
            torch.testing.assert_close(policy.score_pairs(batch).chosen, chosen, atol=1e-4, rtol=1e-5)


def test_an_earlier_run_can_be_the_reference(tmp_path):
    earlier = tiny_job(tmp_path, "sft", train={"learning_rate": 3e-2})
    run(earlier, tmp_path / "earlier")
    write_job(earlier, tmp_path / "earlier" / "job.toml")
    write_record(tmp_path / "earlier", RunRecord(name="earlier"))
    job = tiny_job(tmp_path, "dpo", settings={"reference": str(tmp_path / "earlier")})
    assert told(run(job, tmp_path / "run"), Step)[0].loss != pytest.approx(math.log(2), abs=1e-3)


def test_a_reference_that_reads_other_tokens_is_refused(tmp_path):
    other = tiny_folder(tmp_path / "other")
    config = (other / "tokenizer.json").read_text(encoding="utf-8")
    (other / "tokenizer.json").write_text(config.replace('"<|user|>"', '"<|person|>"'), encoding="utf-8")
    with pytest.raises(JobError, match="other tokens"):
        run(tiny_job(tmp_path, "dpo", settings={"reference": str(other)}), tmp_path / "run")


def test_another_model_cannot_be_renewed(tmp_path):
    settings = {"reference": str(tiny_folder(tmp_path / "other")), "reference_update": 2}
    with pytest.raises(JobError, match="reference_update"):
        run(tiny_job(tmp_path, "dpo", settings=settings), tmp_path / "run")


@pytest.mark.parametrize("adapter", ["lora", "full"])
def test_a_renewed_reference_begins_again_at_a_coins_toss(adapter, tmp_path):
    job = tiny_job(
        tmp_path, "dpo", adapter, settings={"reference_update": 2}, train={"steps": 5, "learning_rate": 1e-2}
    )
    losses = [step.loss for step in told(run(job, tmp_path / "run"), Step)]
    coin = pytest.approx(math.log(2), abs=1e-5)
    assert [loss == coin for loss in losses] == [True, False, True, False, True]


def test_a_share_of_the_model_makes_a_reference_between(tmp_path):
    settings = {"reference_update": 1, "reference_share": 1e-9}
    train = {"steps": 4, "learning_rate": 1e-2}
    hardly = told(run(tiny_job(tmp_path, "dpo", settings=settings, train=train), tmp_path / "a"), Step)
    never = told(run(tiny_job(tmp_path, "dpo", train=train), tmp_path / "b"), Step)
    assert [step.loss for step in hardly] == pytest.approx([step.loss for step in never], abs=1e-4)
