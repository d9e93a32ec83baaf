import math
from dataclasses import replace

import pytest
import torch

from engine.job.channel import events_of
from engine.job.errors import ResourceError, TrainingError
from engine.job.events import Remark, Step
from engine.job.sections import TrainSection
from engine.methods.loss import Loss
from engine.models.adapters import trained_parameters
from engine.train.in_backward import InBackward
from engine.train.ledger import refuse_runaway
from engine.train.loop import accumulate
from engine.train.optimizer import Optimizer
from engine.train.session import train
from tests.train.test_loop import training
from tests.train.tiny_runs import Crash, ScriptedDesk, crash_at, newest, run, tiny_job, told


def of_kind(kind, tmp_path, method="sft", adapter="full", **settings):
    """A run whose optimizer is of that kind."""
    begun = training(tmp_path, method, adapter)
    section = TrainSection(**{"warmup": 0.0, "clip": 0.0, "weight_decay": 0.1} | settings)
    optimizer = kind(trained_parameters(begun.policy.model), section)
    return replace(begun, settings=section, optimizer=optimizer, state=replace(begun.state, steps=3))


def update(begun, size=8):
    """One update as the loop does it; the gradient's length."""
    losses = accumulate(begun, 1, begun.examples, size)
    begun.optimizer.divide_gradients(sum(loss.count for loss in losses))
    norm = begun.optimizer.norm()
    begun.optimizer.correct(1e-3, norm)
    return norm.item()


def weights(begun):
    return {name: weight.detach().clone() for name, weight in trained_parameters(begun.policy.model).items()}


@pytest.mark.parametrize(
    ("method", "adapter"),
    [
        ("sft", "full"),
        ("sft", "lora"),
        ("pretrain", "full"),
        ("dpo-reference-free", "full"),
        ("simpo", "full"),
    ],
)
def test_without_clipping_the_result_is_the_ordinary_one_to_the_last_bit(method, adapter, tmp_path):
    # a learning rate as at the first update of three on a cosine: its peak
    ordinary, on_the_way = (of_kind(kind, tmp_path, method, adapter) for kind in (Optimizer, InBackward))
    before = weights(ordinary)
    for _ in range(3):
        assert update(ordinary) == pytest.approx(update(on_the_way), rel=1e-6)
    after, other = weights(ordinary), weights(on_the_way)
    assert all(torch.equal(after[name], other[name]) for name in after)
    assert not any(torch.equal(before[name], after[name]) for name in after)
    kept = on_the_way.optimizer.state()
    assert all(torch.equal(value, kept[key]) for key, value in ordinary.optimizer.state().items())


def test_no_two_gradients_stand_in_memory_at_a_time(tmp_path):
    begun = of_kind(InBackward, tmp_path)
    named = trained_parameters(begun.policy.model)
    most = []
    for weight in named.values():
        weight.register_post_accumulate_grad_hook(
            lambda _: most.append(sum(weight.grad is not None for weight in named.values()))
        )
        weight.register_hook(lambda gradient: most.append(sum(w.grad is not None for w in named.values())))
    accumulate(begun, 1, begun.examples, 8)
    assert max(most) == 0  # asked as the next one comes, and again when it was corrected


def test_each_weights_gradient_is_cut_by_itself():
    one, other = (torch.nn.Parameter(torch.zeros(1, 2)) for _ in range(2))
    optimizer = InBackward({"one": one, "other": other}, TrainSection(clip=1.0, beta1=0.0))
    optimizer.clear()
    # gradients of the mean over 2: (3, 4), of length 5, and (0.3, 0.4), of length 0.5
    loss = (one * torch.tensor([6.0, 8.0])).sum() + (other * torch.tensor([0.6, 0.8])).sum()
    optimizer.prepare(Loss(loss, 2), True, 0.1)
    loss.backward()
    kept = optimizer.state()  # without memory of the average, it is the last gradient
    torch.testing.assert_close(kept["exp_avg/one"], torch.tensor([[0.6, 0.8]]))
    torch.testing.assert_close(kept["exp_avg/other"], torch.tensor([[0.3, 0.4]]))
    assert optimizer.norm().item() == pytest.approx(math.sqrt(5**2 + 0.5**2))


def test_an_update_in_parts_is_corrected_the_ordinary_way_and_told_once(tmp_path):
    told_of = []
    ordinary, in_parts = of_kind(Optimizer, tmp_path, clip=0.5), of_kind(Optimizer, tmp_path, clip=0.5)
    named = trained_parameters(in_parts.policy.model)
    optimizer = InBackward(named, in_parts.settings, in_parts=lambda: told_of.append(True))
    in_parts = replace(in_parts, optimizer=optimizer)
    for _ in range(2):
        assert update(ordinary, 3) == update(in_parts, 3)
    after, other = weights(ordinary), weights(in_parts)
    assert all(torch.equal(after[name], other[name]) for name in after)
    assert told_of == [True]


def test_a_loss_that_is_no_number_changes_no_weight(tmp_path):
    begun = of_kind(InBackward, tmp_path)
    before = weights(begun)
    begun.optimizer.clear()
    loss = sum(weight.sum() for weight in trained_parameters(begun.policy.model).values()) * math.nan
    begun.optimizer.prepare(Loss(loss, 1), True, 1e-3)
    loss.backward()
    with pytest.raises(TrainingError):
        refuse_runaway(0.0, begun.optimizer.norm().item(), 1, 1e-3)
    assert all(torch.equal(before[name], weight) for name, weight in weights(begun).items())


def test_after_a_gradient_that_is_no_number_nothing_is_changed():
    first, last = (torch.nn.Parameter(torch.ones(1, 1)) for _ in range(2))
    optimizer = InBackward({"first": first, "last": last}, TrainSection())
    optimizer.clear()
    hidden = first * 2.0
    loss = (hidden * last).sum()
    last.register_hook(lambda gradient: gradient * math.inf)  # known first on the way back
    optimizer.prepare(Loss(loss, 1), True, 0.1)
    loss.backward()
    assert not math.isfinite(optimizer.norm())
    assert (first.item(), last.item()) == (1.0, 1.0)


def test_an_update_that_broke_off_half_done_is_never_done_twice(tmp_path):
    begun = of_kind(InBackward, tmp_path)
    named = list(trained_parameters(begun.policy.model).values())

    def full(gradient):
        raise torch.OutOfMemoryError("CUDA out of memory.")

    handle = named[0].register_hook(full)  # the word vectors' gradient is the last
    with pytest.raises(ResourceError, match="in the middle of a correction") as error:
        begun.rows_at_a_time.fitting(lambda size: accumulate(begun, 1, begun.examples, size))
    assert "step_in_backward" in error.value.advice
    handle.remove()


def test_memory_that_runs_out_before_the_first_weight_is_tried_again_in_parts(tmp_path):
    begun = of_kind(InBackward, tmp_path)
    tried = []

    def work(size):
        tried.append(size)
        if size == 8:
            begun.optimizer.clear()
            begun.optimizer.prepare(Loss(torch.tensor(1.0), 1), True, 1e-3)
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return accumulate(begun, 1, begun.examples, size)

    assert sum(loss.count for loss in begun.rows_at_a_time.fitting(work)) > 0
    assert tried == [8, 4]


@pytest.mark.parametrize("method", ["sft", "dpo", "kto", "bco", "orpo"])
def test_a_run_is_the_same_but_for_its_gradients_and_goes_on_where_it_stood(method, tmp_path):
    def job(way):
        values = {"step_in_backward": way, "clip": 0.0, "steps": 4}
        return tiny_job(tmp_path, method, "full", train=values)

    ordinary = told(run(job("off"), tmp_path / "ordinary"), Step)
    events = run(job("on"), tmp_path / "on")
    assert not [remark for remark in told(events, Remark) if "together" in remark.title]
    for one, other in zip(ordinary, told(events, Step), strict=True):
        assert one.loss == other.loss
        assert one.gradient_norm == pytest.approx(other.gradient_norm, rel=1e-5)
    with pytest.raises(Crash):
        run(job("on"), tmp_path / "crashed", crash_at(3))
    folder = tmp_path / "crashed"
    train(job("on"), ScriptedDesk(folder), newest(folder))
    resumed = {step.step: step.loss for step in told(events_of(folder), Step)}
    assert resumed == {step.step: step.loss for step in ordinary}


def test_one_row_at_a_time_leaves_no_whole_update_and_a_person_is_told(tmp_path):
    train_values = {"step_in_backward": "on", "micro_batch": 2}
    events = run(tiny_job(tmp_path, adapter="full", train=train_values), tmp_path / "run")
    titles = [remark.title for remark in told(events, Remark)]
    assert (
        "Weights are corrected all together: an update goes through the model in several portions." in titles
    )
