"""Runs whose model grows experts, or has some: what is told, what learns, what is kept, and going on bit by bit."""

import math

import pytest
import torch
from safetensors.torch import load_file

from engine.job.errors import JobError, ModelError
from engine.job.events import Evaluated, Prepared, Remark, Step
from engine.job.expert_events import Routing
from engine.job.job import with_text
from engine.models import upcycle
from engine.models.load import load_model
from engine.models.targets import decoder_layers
from engine.models.upcycle import Growth, upcycled
from engine.train import growing
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_tokenizer
from tests.train.tiny_runs import Crash, crash_at, newest, run, tiny_job, told

UPCYCLE = {"kind": "upcycle", "experts": 4, "top_k": 2}
WAYS = {
    "experts": ("full", UPCYCLE),
    "all": ("full", {**UPCYCLE, "learns": "all"}),
    "lora": ("lora", UPCYCLE),
}
STEPS = {"steps": 6, "batch_size": 4, "learning_rate": 5e-3, "schedule": "constant"}


def grown_job(folder, way, family="llama", **more):
    adapter, moe = WAYS[way]
    return tiny_job(folder, adapter=adapter, family=family, moe=moe, train=STEPS, **more)


def mixture_folder(folder, family="mixtral"):
    model_of(family).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)


def test_it_is_told_before_the_first_step_that_the_start_equals_the_dense_model(tmp_path):
    events = run(grown_job(tmp_path, "experts"), tmp_path / "run")
    found = [event for event in told(events, Remark) if event.title.startswith("Grown to 4 experts")]
    assert found[0].tone == "good"
    assert "no number differs by more than" in found[0].advice
    assert events.index(found[0]) < events.index(told(events, Step)[0])
    assert told(events, Prepared)[0].parameters == sum(
        weight.numel() for weight in load_file(tmp_path / "run" / "adapter" / "model.safetensors").values()
    )


def test_the_first_check_is_the_dense_models_loss(tmp_path):
    watch = {"evaluate_every": 1}
    grown = run(grown_job(tmp_path, "all", watch=watch), tmp_path / "run")
    dense = run(tiny_job(tmp_path, adapter="full", train=STEPS, watch=watch), tmp_path / "dense")
    losses = [told(events, Step)[0].loss for events in (grown, dense)]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
    assert told(grown, Evaluated)


def test_a_start_that_is_not_the_dense_models_ends_the_run(tmp_path, monkeypatch):
    monkeypatch.setattr(growing, "start_difference", lambda *models: (0.5, 1e-5))
    with pytest.raises(ModelError, match=r"differs from the dense one at the start, by 0.5"):
        run(grown_job(tmp_path, "experts"), tmp_path / "run")


def test_noise_on_the_copies_is_told_with_what_it_costs(tmp_path):
    job = with_text(grown_job(tmp_path, "experts"), "moe.copy_noise=0.05")
    events = run(job, tmp_path / "run")
    words = next(event.advice for event in told(events, Remark) if event.title.startswith("Grown"))
    assert words.startswith("The copies differ, so the start does too, by")


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "mistral"])
def test_only_experts_and_routers_learn_where_that_was_asked_for(family, tmp_path):
    run(grown_job(tmp_path, "experts", family), tmp_path / "run")
    before = upcycled(load_model(tmp_path / "model", "float32", "cpu").model, Growth(4, 2, 42))
    kind = type(before)
    after = kind.from_pretrained(tmp_path / "run" / "adapter").state_dict()
    for name, weight in before.state_dict().items():
        is_part = ".mlp.experts." in name or name.endswith(".mlp.gate.weight")
        assert torch.equal(weight, after[name]) != is_part, name


def test_experts_grow_apart(tmp_path):
    run(grown_job(tmp_path, "experts"), tmp_path / "run")
    stored = load_file(tmp_path / "run" / "adapter" / "model.safetensors")
    first, second = (stored[f"model.layers.0.block_sparse_moe.experts.{n}.w2.weight"] for n in (0, 1))
    assert not torch.equal(first, second)


@pytest.mark.parametrize("way", WAYS)
def test_a_run_that_was_cut_off_goes_on_bit_by_bit(way, tmp_path):
    job = grown_job(tmp_path, way)
    whole = run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "cut", crash_at(5))
    resumed = run(job, tmp_path / "cut", resume_from=newest(tmp_path / "cut"))
    assert told(resumed, Step)[-1].loss == told(whole, Step)[-1].loss
    for path in (tmp_path / "whole" / "adapter").glob("*.safetensors"):
        ours, theirs = load_file(path), load_file(tmp_path / "cut" / "adapter" / path.name)
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(weight, theirs[name]) for name, weight in ours.items())


@pytest.mark.parametrize("way", WAYS)
def test_memory_can_be_freed_at_no_change_of_the_result(way, tmp_path):
    plain = run(grown_job(tmp_path, way), tmp_path / "plain")
    job = with_text(grown_job(tmp_path, way), "train.checkpointing=true")
    freed = run(job, tmp_path / "freed")
    for one, other in zip(told(plain, Step), told(freed, Step), strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-4)


def test_pairs_can_be_learned_from_too(tmp_path):
    job = tiny_job(tmp_path, "dpo", "lora", moe=UPCYCLE, train=STEPS)
    steps = told(run(job, tmp_path / "run"), Step)
    assert steps[0].loss == pytest.approx(math.log(2), abs=1e-5)  # nothing has changed: sigmoid(0) = 1/2
    assert steps[-1].loss < steps[0].loss


def biased(monkeypatch):
    """Grown routers that send every token to the same two experts at first."""
    plain = upcycle.new_routers

    def pushed(dense, *values):
        routers = plain(dense, *values)
        for layer, router in zip(decoder_layers(dense), routers, strict=True):
            seen = []
            hook = layer.mlp.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
            with torch.no_grad():
                dense(input_ids=torch.arange(3, 35).reshape(2, 16))
            hook.remove()
            mean = seen[0].flatten(0, 1).mean(0)
            router[:2] += 2 * mean / mean.norm() ** 2
        return routers

    monkeypatch.setattr(upcycle, "new_routers", pushed)


def test_a_grown_router_that_starts_biased_is_balanced_by_training(tmp_path, monkeypatch):
    biased(monkeypatch)
    found = {}
    for balance in (0.0, 1.0):
        job = with_text(grown_job(tmp_path, "experts"), f"moe.balance={balance}")
        job = with_text(with_text(job, "train.steps=60"), "train.learning_rate=3e-3")
        routing = told(run(job, tmp_path / str(balance)), Routing)
        found[balance] = (routing[0], routing[-1])
    first, last = found[1.0]
    assert first.balance > 2.2
    assert first.max_load > 1.6
    assert last.balance < 2.1
    assert last.max_load < 1.5
    assert last.load_entropy > 0.97 > first.load_entropy
    assert found[0.0][1].balance > last.balance + 0.1  # and not without


def test_an_existing_mixture_keeps_its_router_unless_asked(tmp_path):
    mixture_folder(tmp_path / "model")
    for name, moe in (("kept", {"kind": "none"}), ("trained", {"kind": "none", "train_router": True})):
        events = run(tiny_job(tmp_path, adapter="lora", moe=moe, train=STEPS), tmp_path / name)
        adapter = load_file(tmp_path / name / "adapter" / "adapter_model.safetensors")
        assert any(".gate." in key for key in adapter) == (name == "trained")
        assert any(".experts." in key for key in adapter)
        assert ("balance" in told(events, Step)[0].metrics) == (name == "trained")


def test_full_training_of_an_existing_mixture_leaves_its_router_alone_unless_asked(tmp_path):
    mixture_folder(tmp_path / "model", "qwen3-moe")
    before = model_of("qwen3-moe").state_dict()
    for name, asked in (("kept", False), ("trained", True)):
        job = tiny_job(tmp_path, adapter="full", moe={"train_router": asked}, train=STEPS)
        run(job, tmp_path / name)
        after = load_file(tmp_path / name / "adapter" / "model.safetensors")
        assert (
            torch.equal(after["model.layers.0.mlp.gate.weight"], before["model.layers.0.mlp.gate.weight"])
            != asked
        )
        assert not torch.equal(after["model.norm.weight"], before["model.norm.weight"])


@pytest.mark.parametrize(
    ("assignments", "words"),
    [
        (["adapter.kind=oft"], "needs full training or LoRA"),
        (["moe.copy_noise=0.1"], "'moe.copy_noise' does not go with LoRA"),
        (["model.quantization=nf4"], "cannot grow experts"),
        (["adapter.dropout=0.1"], "cannot forget at random in experts"),
        (["adapter.kind=full", "model.new_tokens=<tool>"], "'model.new_tokens' wants words to learn"),
        (["moe.top_k=1"], "'moe.top_k' is 1"),
    ],
)
def test_what_does_not_go_together_is_refused_before_anything_is_loaded(
    assignments, words, tmp_path, monkeypatch
):
    job = grown_job(tmp_path, "lora")
    for assignment in assignments:
        job = with_text(job, assignment)
    monkeypatch.setattr("engine.train.session.load_beginning", lambda *given: pytest.fail("it was loaded"))
    with pytest.raises(JobError, match=words):
        run(job, tmp_path / "run")


def test_a_family_without_experts_is_refused_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.train.session.load_beginning", lambda *given: pytest.fail("it was loaded"))
    with pytest.raises(ModelError, match="no stock model of experts"):
        run(grown_job(tmp_path, "experts", "gemma2"), tmp_path / "run")
