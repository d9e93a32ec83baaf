"""Every adapter through a whole run: trained in both kinds of rows, told, saved, resumed bit for bit."""

import math

import pytest
import torch
from safetensors.torch import load_file

from engine.job.adapters import ADAPTERS
from engine.job.errors import JobError
from engine.job.events import Prepared, Remark, Sampled, Step, Trained
from engine.job.job import with_value
from engine.library.lineage import lineage_of
from engine.models.adapters import load_adapter, trained_parameters
from engine.models.load import load_model
from engine.train.assembly import trainable_model
from tests.models.every_adapter import logits
from tests.train.tiny_runs import Crash, crash_at, newest, run, tiny_job, told

RATES = {"vera": 0.1, "ia3": 0.1, "prompt": 0.1}
RESUMED = [
    ("lora", {"rank": 4, "pissa": True}),
    ("lora", {"rank": 4, "b_rate": 16.0}),
    ("dora", {"rank": 4}),
    ("bottleneck", {"width": 8}),
    ("prefix", {"virtual_tokens": 4}),
    ("prefix", {"virtual_tokens": 4, "projection": True}),
    ("p-tuning", {"virtual_tokens": 4, "encoder_width": 8}),
    ("layernorm", {}),
    ("freeze", {"trained_layers": 1}),
]


def job_with(folder, adapter, method="sft", **values):
    train = {"steps": 4, "learning_rate": RATES.get(adapter, 1e-2), "batch_size": 4}
    job = tiny_job(folder, method, adapter, train=train)
    for name, value in values.items():
        job = with_value(job, f"adapter.{name}", value)
    return job


def result_of(folder):
    """The result of a run beside a fresh base."""
    base = load_model(folder / "model", "float32", "cpu").model
    return load_adapter(base, folder / "run" / "adapter")


@pytest.mark.parametrize("method", ["sft", "dpo"])
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_it_trains_samples_and_leaves_a_result_that_loads(adapter, method, tmp_path):
    events = run(job_with(tmp_path, adapter, method), tmp_path / "run")
    steps = told(events, Step)
    assert [step.step for step in steps] == [1, 2, 3, 4]
    assert all(math.isfinite(step.loss) and step.gradient_norm > 0 for step in steps)
    assert told(events, Sampled)
    assert told(events, Trained)
    base = load_model(tmp_path / "model", "float32", "cpu").model
    before = logits(base)
    assert not torch.equal(logits(result_of(tmp_path)), before)


@pytest.mark.parametrize("adapter", [kind for kind, card in ADAPTERS.items() if card.starts_at_base])
def test_dpo_starts_at_a_coins_toss_where_the_adapter_starts_at_the_base(adapter, tmp_path):
    first = told(run(job_with(tmp_path, adapter, "dpo"), tmp_path / "run"), Step)[0]
    assert first.loss == pytest.approx(math.log(2), abs=1e-5)


@pytest.mark.parametrize("adapter", [kind for kind, card in ADAPTERS.items() if not card.starts_at_base])
def test_dpo_of_a_learned_beginning_starts_elsewhere(adapter, tmp_path):
    first = told(run(job_with(tmp_path, adapter, "dpo"), tmp_path / "run"), Step)[0]
    assert abs(first.loss - math.log(2)) > 1e-4


@pytest.mark.parametrize(("adapter", "values"), RESUMED)
def test_a_resumed_run_ends_bit_for_bit_as_one_that_went_through(adapter, values, tmp_path):
    job = job_with(tmp_path, adapter, "dpo", **values)
    run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "resumed", crash_at(3))
    run(job, tmp_path / "resumed", resume_from=newest(tmp_path / "resumed"))
    for file in ("adapter_model.safetensors", "training.safetensors", "optimizer.safetensors"):
        one, other = newest(tmp_path / "whole") / file, newest(tmp_path / "resumed") / file
        assert one.exists() == other.exists()
        if one.exists():
            a, b = load_file(one), load_file(other)
            assert a.keys() == b.keys()
            assert all(torch.equal(a[name], b[name]) for name in a)


def test_lora_plus_moves_b_so_many_times_as_fast(tmp_path):
    # Adam's first step has the length of the learning rate, whatever the gradient: B moves 16 times as far.
    far = {}
    for times in (1.0, 16.0):
        folder = tmp_path / str(times)
        folder.mkdir()
        job = tiny_job(folder, adapter="lora", train={"steps": 1, "learning_rate": 1e-4, "warmup": 0.0})
        run(with_value(job, "adapter.b_rate", times), folder / "run")
        state = load_file(folder / "run" / "adapter" / "adapter_model.safetensors")
        far[times] = max(float(weight.abs().max()) for name, weight in state.items() if "lora_B" in name)
    assert far[16.0] == pytest.approx(16 * far[1.0], rel=1e-3)


def test_recomputing_is_switched_off_for_a_prefix_and_told(tmp_path):
    job = tiny_job(tmp_path, adapter="prefix", train={"checkpointing": "on", "steps": 1})
    remarks = told(run(job, tmp_path / "run"), Remark)
    assert any("recomputed" in remark.title and "Prefix" in remark.title for remark in remarks)


@pytest.mark.parametrize("adapter", [kind for kind, card in ADAPTERS.items() if card.can_recompute])
def test_recomputing_activations_gives_the_same_step(adapter, tmp_path):
    losses = []
    for checkpointing in ("off", "on"):
        job = tiny_job(tmp_path, adapter=adapter, train={"checkpointing": checkpointing, "steps": 2})
        losses.append([step.loss for step in told(run(job, tmp_path / checkpointing), Step)])
    assert losses[0] == pytest.approx(losses[1], abs=1e-6)


def test_the_learned_numbers_are_counted(tmp_path):
    job = job_with(tmp_path, "bottleneck", width=8)
    events = run(job, tmp_path / "run")
    model = trainable_model(job, load_model(tmp_path / "model", "float32", "cpu"), lineage_of(job))
    trained = sum(weight.numel() for weight in trained_parameters(model).values())
    # Two layers with two networks each: 32 x 8 twice, and their biases.
    assert trained == told(events, Prepared)[0].parameters_trained == 2 * 2 * (2 * 32 * 8 + 8 + 32)


@pytest.mark.parametrize(
    ("adapter", "values", "words"),
    [
        ("lora", {"dora": True, "pissa": True}, "do not go together"),
        ("lora", {"names": ["q_prj"]}, "no matrix of this model"),
        ("freeze", {"trained_layers": 9}, "the model has 2 layers"),
    ],
)
def test_choices_that_clash_are_refused_in_words(adapter, values, words, tmp_path):
    with pytest.raises(JobError, match=words):
        run(job_with(tmp_path, adapter, **values), tmp_path / "run")
