"""A mixture of LoRA experts through whole runs: every method, balance, figures, noise, resuming, refusals."""

import json
import math

import pytest
import torch
from safetensors.torch import load_file

from engine.job.channel import Desk, events_of
from engine.job.errors import EngineError, ModelError
from engine.job.events import Prepared, Remark, Sampled, Step, Trained
from engine.job.expert_events import Routing
from engine.job.messages import decode, encode
from engine.job.methods import METHODS
from engine.library.devices import machine
from engine.library.estimate import estimate
from engine.library.lora_mixture import lora_mixture_problem
from engine.library.models import check_model
from engine.methods.balance import Choices, balance_loss, choices_of
from engine.methods.loss import Loss
from engine.models import lora_experts
from engine.models.adapters import load_adapter
from engine.models.load import load_model
from engine.models.lora_experts import expert_parts
from engine.models.routing import Router, listening
from engine.models.segments import take_segments
from engine.train import session
from engine.train.balancing import BalancedObjective, _Weights
from engine.train.batches import collate, pack
from engine.train.forward import scored_logits
from engine.train.routing_watch import RoutingWatch
from engine.train.state import State
from tests.models.test_lora_experts import IDS, mixture
from tests.train.tiny_runs import Crash, crash_at, example, newest, run, tiny_job, told


def job_of(folder, method="sft", moe=None, family="llama", settings=None, **train):
    values = {"kind": "lora-experts", **(moe or {})}
    steps = {"steps": 3, "learning_rate": 1e-2, "batch_size": 4, **train}
    return tiny_job(folder, method, family=family, settings=settings, moe=values, train=steps)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_trains_it_and_tells_how_it_is_used(method, tmp_path):
    events = run(job_of(tmp_path, method), tmp_path / "run")
    steps = told(events, Step)
    assert [step.step for step in steps] == [1, 2, 3]
    assert all(math.isfinite(step.loss) and step.gradient_norm > 0 for step in steps)
    assert all(1.5 < step.metrics["balance"] < 4 for step in steps)
    routing = told(events, Routing)
    assert [event.step for event in routing] == [1, 2, 3]
    for event in routing:
        assert event.uniform == 2.0
        assert [len(layer) for layer in event.shares] == [4, 4]
        assert all(sum(layer) == pytest.approx(1, abs=1e-3) for layer in event.shares)
        assert decode(encode(event)) == event
    assert told(events, Sampled)
    assert told(events, Trained)
    again = load_adapter(load_model(tmp_path / "model", "float32", "cpu").model, tmp_path / "run" / "adapter")
    assert len(expert_parts(again)) == 2
    assert any(part.gate_b.abs().max() > 0 for part in expert_parts(again))
    assert all(part.router.weight.abs().max() > 0 for part in expert_parts(again))


def test_dpo_starts_at_a_coins_toss_since_the_reference_has_no_experts(tmp_path):
    first = told(run(job_of(tmp_path, "dpo", moe={"balance": 1.0}), tmp_path / "run"), Step)[0]
    assert first.loss == pytest.approx(math.log(2), abs=1e-5)  # the balance loss is told apart


def test_a_reference_that_follows_is_not_listened_to(tmp_path):
    job = job_of(tmp_path, "dpo", settings={"reference_update": 1}, steps=4)
    plain = told(run(job_of(tmp_path, "dpo", steps=4), tmp_path / "plain"), Routing)
    renewed = told(run(job, tmp_path / "renewed"), Routing)
    assert renewed[0].shares == plain[0].shares  # as many tokens, the same choices
    assert renewed[0].balance == pytest.approx(plain[0].balance)


def test_a_resumed_run_ends_bit_for_bit_as_one_that_went_through(tmp_path):
    moe = {"router_noise": 0.5, "noise_share": 1.0, "z_loss": 0.001}
    job = job_of(tmp_path, "dpo", moe=moe, steps=4)
    run(job, tmp_path / "whole")
    with pytest.raises(Crash):
        run(job, tmp_path / "resumed", crash_at(3))
    run(job, tmp_path / "resumed", resume_from=newest(tmp_path / "resumed"))
    for file in ("adapter_model.safetensors", "optimizer.safetensors"):
        a, b = load_file(newest(tmp_path / "whole") / file), load_file(newest(tmp_path / "resumed") / file)
        assert a.keys() == b.keys()
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_a_second_run_goes_on_with_the_first_ones_experts(tmp_path, monkeypatch):
    from engine.library.runs import create_run
    from engine.train.session import train

    first = job_of(tmp_path)
    folder = create_run(first)
    train(first, Desk(folder))
    second = tiny_job(
        tmp_path,
        model={"source": str(folder)},
        moe={"kind": "lora-experts"},
        train={"steps": 1, "learning_rate": 1e-9},
    )
    run(second, tmp_path / "second")
    a, b = (
        load_file(place / "adapter" / "adapter_model.safetensors") for place in (folder, tmp_path / "second")
    )
    assert all(torch.allclose(a[name], b[name], atol=1e-6) for name in a)
    with pytest.raises(ModelError, match="cannot be built into"):
        run(tiny_job(tmp_path, model={"source": str(folder)}), tmp_path / "dense")


def test_rows_one_after_another_and_padded_rows_have_the_same_balance_loss():
    rows = [example(at, length) for at, length in enumerate((5, 11, 8))]
    tuned, _ = mixture()
    found = []
    assert take_segments(tuned)
    for batch in (pack(rows), collate(rows)):
        with listening(tuned) as heard:
            scored_logits(tuned, batch)
        scores, is_real = torch.stack(heard[0].scores), heard[0].is_real
        assert choices_of(scores, 2, is_real).tokens.tolist() == [24, 24]
        found.append(balance_loss(scores, 2, is_real))
    torch.testing.assert_close(found[0], found[1], atol=1e-5, rtol=1e-5)
    with listening(tuned) as heard:
        scored_logits(tuned, collate(rows))
    unmasked = balance_loss(torch.stack(heard[0].scores), 2)
    assert not torch.allclose(unmasked, found[1], atol=1e-3)


class FixedObjective:
    """A method whose loss is a pass through the model, weighing as much as it is told to."""

    needs_numbers = False

    def __init__(self, model, counts):
        self.model, self.counts = model, iter(counts)

    def over(self, examples, size):
        def of(batch):
            out = self.model(input_ids=batch).logits
            return Loss(0.0 * out.sum(), float(next(self.counts)))

        return of

    def corrected(self, step):
        pass

    def read(self, total):
        pass


def test_parts_of_an_update_weigh_by_their_counts_and_leave_the_told_loss_alone(tmp_path):
    tuned, _ = mixture()
    desk = Desk(tmp_path)
    watch = RoutingWatch(desk, 1, 2.0)
    weights = _Weights(z=0.0, noise=0.0, noisy_updates=0.0)
    objective = BalancedObjective(
        FixedObjective(tuned, (3, 1)), tuned, weights, State(1, 1e-3, balance=0.5), watch
    )
    of = objective.over([], 1)
    parts = [IDS[:, :8], IDS[:, 8:]]
    losses = [of(part) for part in parts]
    assert [loss.sum.item() for loss in losses] == [0.0, 0.0]
    sum(loss.sum for loss in losses).backward()
    router = expert_parts(tuned)[0].router
    found = router.weight.grad / 4  # as the loop divides, by the count of the whole
    router.weight.grad = None
    expected = 0.0
    for part, share in zip(parts, (0.75, 0.25), strict=True):
        with listening(tuned) as heard:
            tuned(input_ids=part)
        expected = expected + share * balance_loss(torch.stack(heard[0].scores), 2).mean()
    (0.5 * expected).backward()
    torch.testing.assert_close(found, router.weight.grad, atol=1e-7, rtol=1e-4)
    sums = [loss.metrics["balance"] for loss in losses]
    mean = sum(value.item() for value, _ in sums) / sum(count for _, count in sums)
    assert mean == pytest.approx(expected.item(), abs=1e-5)


def biased(monkeypatch):
    """Routers that send every token to the same two experts at first."""
    plain = lora_experts.with_lora_experts

    def pushed(model, *values):
        tuned = plain(model, *values)
        for part in expert_parts(tuned):
            seen = []
            hook = part.register_forward_pre_hook(lambda _, inputs, seen=seen: seen.append(inputs[0]))
            with torch.no_grad():
                tuned(input_ids=IDS)
            hook.remove()
            mean = seen[0].flatten(0, 1).mean(0)
            with torch.no_grad():
                part.router.weight[:2] += mean / mean.norm() ** 2
        return tuned

    monkeypatch.setattr(lora_experts, "with_lora_experts", pushed)


def test_a_router_that_starts_biased_is_balanced_by_training(tmp_path, monkeypatch):
    biased(monkeypatch)
    found = {}
    for balance in (0.0, 1.0):
        job = job_of(tmp_path, moe={"balance": balance}, steps=80, learning_rate=1e-2)
        routing = told(run(job, tmp_path / str(balance)), Routing)
        found[balance] = (routing[0], routing[-1])
    first, last = found[1.0]
    assert first.balance > 2.2
    assert first.max_load > 1.6
    assert last.balance < 2.1
    assert last.max_load < 1.5
    assert last.load_entropy > 0.97 > first.load_entropy
    assert found[0.0][1].balance > last.balance + 0.1  # and not without


def choices(*layers):
    """What the routers of layers chose, so many tokens for each expert."""
    numbers = torch.tensor(layers, dtype=torch.float32)
    nothing = torch.zeros(len(layers))
    return Choices(numbers, nothing, nothing, numbers.sum(1) // 2)


def test_an_expert_without_text_is_dead_after_fifty_updates_and_told_once(tmp_path):
    watch = RoutingWatch(Desk(tmp_path), 60, 2.0)
    for step in range(1, 61):
        watch.begin()
        late = 1 if step > 55 else 0
        watch.add(choices((50, 50, 50, 50), (99, 100, 0, 1 + late)), torch.tensor([2.1, 2.1]))
        watch.corrected()
        watch.read(step)
    routing = told(events_of(tmp_path), Routing)
    assert routing[48].dead == ()  # step 49: too early to say
    assert routing[49].dead == ((1, 2), (1, 3))  # 0 and 0.5 % of the choices
    assert routing[-1].dead == ((1, 2), (1, 3))
    assert routing[0].max_load == pytest.approx(2.0)
    assert routing[0].shares[1] == (0.495, 0.5, 0.0, 0.005)
    remarks = told(events_of(tmp_path), Remark)
    assert [remark.title for remark in remarks] == ["2 experts get hardly any text."]


def test_a_long_run_tells_a_few_hundred_times_and_nothing_is_lost_between(tmp_path):
    watch = RoutingWatch(Desk(tmp_path), 4000, 2.0)
    for step in range(1, 21):
        watch.begin()
        watch.add(choices((8, 0) if step % 2 else (0, 8)), torch.tensor([2.0]))
        watch.corrected()
        watch.read(step)
    routing = told(events_of(tmp_path), Routing)
    assert [event.step for event in routing] == [1, 10, 20]
    assert routing[2].shares == ((0.5, 0.5),)


def test_an_update_that_is_done_again_is_counted_once(tmp_path):
    watch = RoutingWatch(Desk(tmp_path), 1, 2.0)
    for counts in ((8, 0), (0, 8)):
        watch.begin()
        watch.add(choices(counts), torch.tensor([2.0]))
    watch.corrected()
    watch.read(1)
    assert told(events_of(tmp_path), Routing)[0].shares == ((0.0, 1.0),)


def test_entropy_and_certainty_are_those_of_the_choices(tmp_path):
    scores = torch.tensor([[[math.log(3.0), 0.0], [0.0, math.log(3.0)]]])  # certain by 3/4 each
    watch = RoutingWatch(Desk(tmp_path), 1, 1.0)
    watch.add(choices_of(scores, 1), torch.tensor([1.0]))
    watch.corrected()
    watch.read(1)
    event = told(events_of(tmp_path), Routing)[0]
    assert event.load_entropy == pytest.approx(1.0)
    assert event.top_probability == pytest.approx(0.75)
    assert event.router_entropy == pytest.approx(-(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25)), abs=1e-5)


def test_noise_ends_after_its_share_of_the_run(tmp_path, monkeypatch):
    heard = []
    plain = Router.forward

    def forward(self, hidden):
        if self.training and torch.is_grad_enabled():
            heard.append(self.noise)
        return plain(self, hidden)

    monkeypatch.setattr(Router, "forward", forward)
    run(job_of(tmp_path, moe={"router_noise": 0.5, "noise_share": 0.5}, steps=4), tmp_path / "run")
    assert heard[: len(heard) // 2] == [0.5] * (len(heard) // 2)
    assert heard[len(heard) // 2 :] == [0.0] * (len(heard) - len(heard) // 2)


def test_the_learned_numbers_are_counted_before_and_after(tmp_path):
    job = job_of(tmp_path)
    prepared = told(run(job, tmp_path / "run"), Prepared)[0]
    # Two layers. LoRA of size 4 on q, k, v, o (32 to 32, 16, 16, 32), four experts of 3 * 4 * (32 + 48), a router.
    expected = 2 * (4 * (64 + 48 + 48 + 64) + 4 * (3 * 4 * 80 + 32))
    assert prepared.parameters_trained == expected
    assert estimate(job, check_model(tmp_path / "model"), None, machine()).parameters_trained == expected


REFUSED = {
    "gemma2": ({}, "no stock model of experts"),
    "llama": ({"mlp_bias": True}, "biases"),
    "mistral": ({"hidden_act": "gelu"}, "gelu"),
}


@pytest.mark.parametrize("family", REFUSED)
def test_a_base_that_no_stock_model_of_experts_fits_is_refused_before_it_is_loaded(
    family, tmp_path, monkeypatch
):
    changes, words = REFUSED[family]
    job = job_of(tmp_path, family=family)
    config = tmp_path / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | changes))
    title, advice = lora_mixture_problem(check_model(tmp_path / "model"))
    assert words in title
    assert advice
    monkeypatch.setattr(session, "load_beginning", lambda *_: pytest.fail("it was loaded"))
    with pytest.raises(ModelError) as error:
        run(job, tmp_path / "run")
    assert error.value.title == title
    with pytest.raises(ModelError):
        estimate(job, check_model(tmp_path / "model"), None, machine())


@pytest.mark.parametrize("family", ["mistral", "qwen2", "qwen3"])
def test_other_families_train_it_too(family, tmp_path):
    steps = told(run(job_of(tmp_path, family=family), tmp_path / "run"), Step)
    assert len(steps) == 3


def test_one_expert_a_token_is_refused_before_anything_is_loaded(tmp_path):
    with pytest.raises(EngineError, match="the router would never learn"):
        run(job_of(tmp_path, moe={"top_k": 1}), tmp_path / "run")


def test_recomputing_activations_gives_the_same_run(tmp_path):
    losses = [
        [
            (step.loss, step.gradient_norm)
            for step in told(run(job_of(tmp_path, checkpointing=kept), tmp_path / str(kept)), Step)
        ]
        for kept in (False, True)
    ]
    torch.testing.assert_close(torch.tensor(losses[0]), torch.tensor(losses[1]), atol=1e-5, rtol=1e-5)
