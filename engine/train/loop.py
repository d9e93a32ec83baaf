"""THE loop. One pass of `while` is one optimizer update, whatever the method and whatever is trained."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from engine.job.sections import TrainSection
from engine.methods.loss import Loss
from engine.train.batches import Example, Order
from engine.train.between import Between
from engine.train.forward import Policy
from engine.train.ledger import LATE, Figures, Ledger, Update
from engine.train.memory import RowsAtATime
from engine.train.objective import Objective
from engine.train.optimizer import Optimizer, rate_at
from engine.train.state import State


@dataclass(frozen=True)
class Training:
    """All that an update needs. `state` is the part that moves."""

    settings: TrainSection
    policy: Policy
    objective: Objective
    optimizer: Optimizer
    examples: Sequence[Example]
    order: Order
    rows_at_a_time: RowsAtATime
    state: State


def train_loop(training: Training, between: Between) -> None:
    """Update until all steps are done or a stop was heard. Raises TrainingError when numbers run away.

    Pause, stop, save, evaluate, sample and a changed learning rate are looked up between two updates, when all
    that was begun has been read.
    """
    state, order, optimizer = training.state, training.order, training.optimizer
    late = LATE.get(training.policy.device.partition(":")[0], 0)
    ledger = Ledger(state, training.objective, late, between.told)
    training.policy.model.train()
    between.begin()
    while ledger.begun < state.steps and between.may_go_on(ledger.catch_up):
        step, began = ledger.begun + 1, time.perf_counter()
        examples = [training.examples[row] for row in order.of_update(step)]
        losses = training.rows_at_a_time.fitting(partial(accumulate, training, step, examples))
        # Divide by the tokens or pairs of the whole update: a short micro-batch must not weigh as much as a full one.
        optimizer.divide_gradients(sum(loss.count for loss in losses))
        rate, norm = rate_of(training, step), optimizer.norm()
        optimizer.halt_unless_finite(norm, *(loss.sum for loss in losses))
        optimizer.correct(rate, norm)
        training.objective.corrected(step)
        ledger.add(Update(step, Figures(losses, norm), rate, order.epoch_after(step), examples, began))
        if between.is_due(step):
            ledger.catch_up()
            between.look()


def accumulate(training: Training, step: int, examples: list[Example], size: int) -> list[Loss]:
    """Gradients of the summed loss over all examples, `size` at a time, from a clean start; each batch's loss."""
    training.optimizer.clear()
    # Chance (dropout) follows from the update's number alone: an update that is redone or resumed is the same.
    torch.manual_seed(training.settings.seed * 1_000_003 + step)
    loss_of = training.objective.over(examples, size)
    losses, rate = [], rate_of(training, step)
    for batch in training.policy.batches(examples, size):
        loss = loss_of(batch)
        training.optimizer.prepare(loss, size >= len(examples), rate)
        loss.sum.backward()
        losses.append(Loss(loss.sum.detach(), loss.count, loss.metrics))
    return losses


def rate_of(training: Training, step: int) -> float:
    """The learning rate of update `step`."""
    settings, state = training.settings, training.state
    return rate_at(step, state.steps, state.learning_rate, settings.warmup, settings.schedule)
