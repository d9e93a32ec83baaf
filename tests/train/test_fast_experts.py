"""Experts on the fast engine: what counts once, what nobody waits for, and going on bit by bit."""

import math

import pytest
import torch
from safetensors.torch import load_file

from engine.job.adapters import FullSettings
from engine.job.channel import Desk, events_of
from engine.job.events import Prepared, Remark, Step
from engine.job.expert_events import Routing
from engine.job.job import job_from_values
from engine.methods.balance import balance_loss, choices_of
from engine.methods.loss import Loss
from engine.models.adapters import train_all
from engine.models.recomputing import recompute_layers
from engine.models.routing import Heard, Router, routers_of
from engine.models.segments import leave_segments, take_segments
from engine.models.upcycle import Growth, upcycled
from engine.train import balancing, ledger, proving
from engine.train.balancing import BalancedObjective, _Weights
from engine.train.forward import Policy
from engine.train.objective import objective_of
from engine.train.routing_watch import RoutingWatch
from engine.train.state import State
from tests.models.all_families import model_of
from tests.models.test_lora_experts import mixture
from tests.models.tiny_models import tiny_model, tiny_tokenizer
from tests.train.reading_watch import ReadingWatch
from tests.train.test_ledger import outcome
from tests.train.tiny_pairs import SEVERAL
from tests.train.tiny_runs import Crash, crash_at, example, newest, run, tiny_job, told

BESIDE = {"kind": "lora-experts"}
GROWN = {"kind": "upcycle"}
ROWS = [example(at, length) for at, length in enumerate((5, 11, 8, 9))]
PATHS = ("lean layers", "tiled head", "packed rows")


def job_of(folder, moe=None, method="sft", adapter="lora", **train):
    steps = {"steps": 4, "learning_rate": 5e-3, **train}
    return tiny_job(folder, method, adapter, moe=moe or BESIDE, train=steps)


def learned(folder, model, way, examples=ROWS, method="sft"):
    """One update: figures by name, routers' gradients, tokens that each layer counted, and batches."""
    folder.mkdir()
    model.zero_grad()
    assert take_segments(model) if way in ("packed", "shared") else leave_segments(model) is None
    policy = Policy(model, "cpu", way=way)
    job = job_from_values({"method": {"kind": method}})
    watch = RoutingWatch(Desk(folder), 1, 2.0)
    weights = _Weights(z=0.01, noise=0.0, noisy_updates=0.0)
    objective = BalancedObjective(
        objective_of(job, policy, None), model, weights, State(1, 1e-3, balance=1.0), watch
    )
    loss_of = objective.over(examples, len(examples))
    batches = list(policy.batches(examples, len(examples)))
    (loss,) = (loss_of(batch) for batch in batches)
    loss.sum.backward()
    objective.corrected(1)
    tokens = watch._begun[0][0, :, -2].tolist()
    figures = {name: float(part) / float(count) for name, (part, count) in loss.metrics.items()}
    return figures, [router.weight.grad.clone() for router in routers_of(model)], tokens, batches


@pytest.mark.parametrize(("method", "examples"), [("sft", ROWS), ("simpo", SEVERAL)])
def test_rows_one_after_another_count_each_token_as_padded_ones_do(method, examples, tmp_path):
    tuned, _ = mixture()
    padded = learned(tmp_path / "padded", tuned, "grouped", examples, method)
    packed = learned(tmp_path / "packed", tuned, "packed", examples, method)
    assert padded[2] == packed[2] == [sum(row.tokens for row in examples)] * 2
    assert padded[3][0].mask.dim() == 2
    assert padded[0] == pytest.approx(packed[0], abs=1e-4)
    torch.testing.assert_close(padded[1], packed[1], atol=1e-5, rtol=1e-3)


def test_a_prompt_that_both_answers_share_counts_once(tmp_path):
    tuned, _ = mixture()
    figures, _, tokens, batches = learned(tmp_path / "shared", tuned, "shared", SEVERAL, "simpo")
    once = sum(row.tokens - row.common for row in SEVERAL)
    assert tokens == [once] * 2
    assert batches[0].ids.numel() == once < sum(row.tokens for row in SEVERAL)
    twice = learned(tmp_path / "packed", tuned, "packed", SEVERAL, "simpo")
    assert figures["balance"] != pytest.approx(twice[0]["balance"], abs=1e-6)


def test_layers_that_are_computed_again_count_no_token_twice(tmp_path):
    tuned, _ = mixture()
    tuned.train()
    passes = []
    for router in routers_of(tuned):
        router.register_forward_hook(lambda *_: passes.append(1))
    kept = learned(tmp_path / "kept", tuned, "packed")
    assert len(passes) == 2
    recompute_layers(tuned, 2)
    again = learned(tmp_path / "again", tuned, "packed")
    assert len(passes) == 2 + 4
    assert kept[:1] == again[:1]
    assert kept[2] == again[2] == [33, 33]
    assert all(torch.equal(one, other) for one, other in zip(kept[1], again[1], strict=True))


def test_routers_are_neither_noisy_nor_balanced_while_paths_are_proved(tmp_path, monkeypatch):
    looking, proved = [], []
    look, forward, listen = proving._looked_at, Router.forward, balancing.listening

    def looked_at(*given):
        looking.append(True)
        try:
            return look(*given)
        finally:
            looking.pop()

    def routed(router, hidden):
        if looking:
            proved.append(router.training)
        return forward(router, hidden)

    def heard(model):
        assert not looking
        return listen(model)

    monkeypatch.setattr(proving, "_looked_at", looked_at)
    monkeypatch.setattr(Router, "forward", routed)
    monkeypatch.setattr(balancing, "listening", heard)
    moe = BESIDE | {"router_noise": 5.0, "noise_share": 1.0}
    events = run(job_of(tmp_path, moe, "dpo"), tmp_path / "run")
    assert proved
    assert not any(proved)
    assert told(events, Prepared)[0].fast_paths == (*PATHS, "shared prompts")
    assert not [remark for remark in told(events, Remark) if "faster way" in remark.title]


@pytest.mark.parametrize(("moe", "method"), [(BESIDE, "sft"), (BESIDE, "dpo"), (GROWN, "sft")])
def test_late_or_not_a_run_with_experts_tells_and_learns_the_same(moe, method, tmp_path, monkeypatch):
    moe = moe | {"router_noise": 0.5, "noise_share": 0.6}  # three updates of five
    job = job_of(tmp_path, moe, method, steps=5)
    at_once, weights = outcome(job, tmp_path / "at-once")
    assert [event.step for event in told(at_once, Routing)] == [1, 2, 3, 4, 5]
    monkeypatch.setitem(ledger.LATE, "cpu", 1)
    later, others = outcome(job, tmp_path / "late")
    assert later == at_once
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_nobody_waits_for_what_routers_chose(tmp_path):
    tuned = train_all(upcycled(tiny_model(), Growth(4, 2, seed=0)), FullSettings()).train()
    job = job_from_values({})
    policy = Policy(tuned, "cpu", way="packed")
    assert take_segments(tuned)
    weights = _Weights(z=0.01, noise=1.0, noisy_updates=1.0)
    watch = RoutingWatch(Desk(tmp_path), 1, 2.0)
    objective = BalancedObjective(
        objective_of(job, policy, None), tuned, weights, State(1, 1e-3, balance=1.0), watch
    )
    (batch,) = policy.batches(ROWS, 4)
    padding = torch.arange(12) < 9
    scores = [torch.randn(12, 4, requires_grad=True) for _ in range(2)]
    for number in range(2):  # what a model looks up once
        loss_of = objective.over(ROWS, 4)
        with ReadingWatch() as reading:
            loss_of(batch).sum.backward()
            plain = Loss(scores[0].sum(), torch.tensor(3))
            objective._with_routers(plain, [Heard(padding, scores)]).sum.backward()
            objective.corrected(number + 1)
    assert reading.seen == []
    with ReadingWatch() as reading:
        watch.read(1)
    assert reading.seen  # the watch does see what asks


def test_figures_wait_until_their_own_update_is_read(tmp_path):
    watch = RoutingWatch(Desk(tmp_path), 2, 2.0)
    for scores in (torch.tensor([[[2.0, 1.0, 0.0]]]), torch.tensor([[[0.0, 1.0, 2.0]]])):
        watch.begin()
        watch.add(choices_of(scores, 2), balance_loss(scores, 2))
        watch.corrected()
    assert not (tmp_path / "events.jsonl").exists()
    watch.read(1)
    watch.read(2)
    assert [event.shares for event in told(events_of(tmp_path), Routing)] == [
        ((0.5, 0.5, 0.0),),
        ((0.0, 0.5, 0.5),),
    ]


@pytest.mark.parametrize(
    ("moe", "adapter"), [(BESIDE, "lora"), (GROWN, "full"), (GROWN | {"learns": "all"}, "full")]
)
def test_corrections_on_the_way_back_give_the_same_run(moe, adapter, tmp_path):
    found = []
    for way in ("off", "on"):
        job = job_of(tmp_path, moe, adapter=adapter, step_in_backward=way, clip=0.0)
        events = run(job, tmp_path / way)
        assert not [remark for remark in told(events, Remark) if "together" in remark.title]
        shares = [event.shares for event in told(events, Routing)]
        found.append(([step.loss for step in told(events, Step)], shares))
    assert found[0] == found[1]


@pytest.mark.parametrize("way", ["off", "on"])
def test_with_8_bits_a_run_goes_on_after_a_crash_as_if_nothing_had_happened(way, tmp_path):
    pytest.importorskip("bitsandbytes")
    job = job_of(tmp_path, GROWN, adapter="full", optimizer="adamw-8bit", step_in_backward=way)
    assert resumed(job, tmp_path) == whole(job, tmp_path)


def whole(job, folder):
    """What a run learned that went through."""
    run(job, folder / "whole")
    return kept_in(folder / "whole")


def resumed(job, folder):
    """What a run learned that went on after a crash."""
    with pytest.raises(Crash):
        run(job, folder / "cut", crash_at(3))
    run(job, folder / "cut", resume_from=newest(folder / "cut"))
    return kept_in(folder / "cut")


def kept_in(folder):
    """All that a run's last checkpoint has learned and remembers of it, as bytes by file and name."""
    return {
        (path.name, name): weight.contiguous().view(torch.uint8).numpy().tobytes()
        if weight.dim()
        else weight.item()
        for path in newest(folder).glob("*.safetensors")
        if path.stem != "reference"
        for name, weight in load_file(path).items()
    }


NOISY = {"router_noise": 0.5, "noise_share": 1.0, "z_loss": 0.001}
RUNS = {
    "beside": (BESIDE | NOISY, "lora", "llama"),
    "grown, lora": (GROWN | NOISY, "lora", "llama"),
    "grown, full": (GROWN | NOISY | {"learns": "all"}, "full", "qwen2"),
    "its own, lora": ({"kind": "none", "train_router": True} | NOISY, "lora", "mixtral"),
    "its own, full": ({"kind": "none", "train_router": True} | NOISY, "full", "qwen3-moe"),
}


@pytest.mark.parametrize("method", ["sft", "dpo"])
@pytest.mark.parametrize("case", RUNS)
def test_with_everything_left_to_the_program_a_resumed_run_ends_bit_by_bit(case, method, tmp_path):
    moe, adapter, family = RUNS[case]
    if family in ("mixtral", "qwen3-moe"):
        model_of(family).save_pretrained(tmp_path / "model")
        tiny_tokenizer().save_pretrained(tmp_path / "model")
        family = "llama"
    job = tiny_job(tmp_path, method, adapter, family, moe=moe, train={"steps": 4, "learning_rate": 5e-3})
    found = whole(job, tmp_path)
    prepared = told(events_of(tmp_path / "whole"), Prepared)[0]
    shared = ("shared prompts",) if method == "dpo" else ()
    assert prepared.fast_paths == (PATHS if adapter == "lora" else PATHS[1:]) + shared
    assert found == resumed(job, tmp_path)


@pytest.mark.parametrize("case", RUNS)
def test_off_computes_as_transformers_and_peft_do_and_learns_the_same(case, tmp_path):
    moe, adapter, family = RUNS[case]
    moe = moe | {"router_noise": 0.0}  # chance falls otherwise on rows that stand otherwise
    if family in ("mixtral", "qwen3-moe"):
        model_of(family).save_pretrained(tmp_path / "model")
        tiny_tokenizer().save_pretrained(tmp_path / "model")
        family = "llama"
    job = tiny_job(tmp_path, adapter=adapter, family=family, moe=moe)
    off = tiny_job(
        tmp_path,
        adapter=adapter,
        family=family,
        moe=moe,
        train={"fast": "off"},
        rows={"packing": "off"},
    )
    plain, fast = run(off, tmp_path / "off"), run(job, tmp_path / "fast")
    assert told(plain, Prepared)[0].fast_paths == ()
    for one, other in zip(told(plain, Step), told(fast, Step), strict=True):
        assert one.loss == pytest.approx(other.loss, abs=1e-3)
        assert math.isfinite(one.gradient_norm)
    assert [event.step for event in told(plain, Routing)] == [event.step for event in told(fast, Routing)]
    for one, other in zip(told(plain, Routing), told(fast, Routing), strict=True):
        torch.testing.assert_close(torch.tensor(one.shares), torch.tensor(other.shares), atol=0.03, rtol=0)
