import dataclasses

import pytest
import torch

from engine.job.adapters import FullSettings, LoraSettings
from engine.job.channel import Desk
from engine.job.job import job_from_values
from engine.job.methods import METHODS
from engine.methods.loss import add_up
from engine.models.adapters import add_lora, train_all, trained_parameters
from engine.models.segments import take_segments
from engine.train.batches import Order
from engine.train.forward import Policy
from engine.train.loop import Training, accumulate
from engine.train.memory import RowsAtATime
from engine.train.mismatch import with_mismatched
from engine.train.objective import objective_of
from engine.train.optimizer import Optimizer
from engine.train.reference import Reference
from engine.train.state import State
from tests.models.tiny_models import tiny_model
from tests.train.lazy_examples import lazy
from tests.train.tiny_runs import example

LENGTHS = (5, 12, 3, 9, 7, 4, 11, 6)


def training(tmp_path, method="sft", adapter="lora", dropout=0.0, way="grouped"):
    job = job_from_values({"method": {"kind": method}})
    torch.manual_seed(0)
    lora = LoraSettings(rank=4, dropout=dropout)
    model = add_lora(tiny_model(), lora) if adapter == "lora" else train_all(tiny_model(), FullSettings())
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.add_(0.02 * torch.randn_like(weight))
    assert way != "packed" or take_segments(model)
    policy = Policy(model, "cpu", way=way)
    card = METHODS[method]
    parts = 2 if card.rows == "preference" else 1
    examples = [example(index, length, parts=parts) for index, length in enumerate(LENGTHS)]
    if card.rows == "feedback":
        votes = lazy([voted(one) for one in examples])
        examples, _ = with_mismatched(votes, votes[:0], limit=64)
    reference = Reference(policy, 2 * len(examples)) if card.needs_reference and adapter == "lora" else None
    return Training(
        settings=job.train,
        policy=policy,
        objective=objective_of(job, policy, reference),
        optimizer=Optimizer(trained_parameters(model), job.train),
        examples=examples,
        order=Order(8, 8, 8, 0),
        rows_at_a_time=RowsAtATime(8, Desk(tmp_path)),
        state=State(steps=1, learning_rate=1e-3),
    )


def voted(one):
    """The example with a thumb, up for every second row."""
    return dataclasses.replace(one, parts=(dataclasses.replace(one.parts[0], label=one.index % 2 == 0),))


def mean_gradients(run, size, step=1):
    total = add_up(accumulate(run, step, run.examples, size))
    run.optimizer.divide_gradients(total.count)
    named = trained_parameters(run.policy.model)
    return total, {name: weight.grad.clone() for name, weight in named.items()}


@pytest.mark.parametrize(
    ("method", "adapter"),
    [
        ("sft", "lora"),
        ("sft", "full"),
        ("dpo", "lora"),
        ("kto", "lora"),
        ("bco", "lora"),
        ("dpo-reference-free", "lora"),
        ("dpo-reference-free", "full"),
    ],
)
def test_one_batch_of_eight_equals_eight_of_one(method, adapter, tmp_path):
    run = training(tmp_path, method, adapter)
    whole, gradients = mean_gradients(run, 8)
    single, others = mean_gradients(run, 1)
    assert whole.loss == pytest.approx(single.loss, rel=1e-6)
    assert whole.count == single.count
    for name, metric in whole.metrics.items():
        assert metric == pytest.approx(single.metrics[name], rel=1e-4, abs=1e-6)
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, others[name], atol=1e-6, rtol=1e-4)


def test_the_count_is_that_of_learned_tokens_and_of_pairs(tmp_path):
    run = training(tmp_path)
    assert add_up(accumulate(run, 1, run.examples, 3)).count == sum(length - 2 for length in LENGTHS)
    run = training(tmp_path, "dpo")
    assert add_up(accumulate(run, 1, run.examples, 3)).count == len(LENGTHS)


def test_an_update_that_is_redone_has_the_same_chance(tmp_path):
    run = training(tmp_path, dropout=0.5)
    run.policy.model.train()
    first = mean_gradients(run, 4)[1]
    torch.rand(5)
    again = mean_gradients(run, 4)[1]
    later = mean_gradients(run, 4, step=2)[1]
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not all(torch.equal(first[name], later[name]) for name in first)
