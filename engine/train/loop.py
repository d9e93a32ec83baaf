"""THE loop. One pass of `while` is one optimizer update, whatever the method and whatever is trained."""

import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch

from engine.job.errors import TrainingError
from engine.job.sections import TrainSection
from engine.methods.loss import Loss, Totals, add_up
from engine.train.batches import Example, Order
from engine.train.between import Between
from engine.train.forward import Policy
from engine.train.memory import RowsAtATime
from engine.train.objective import Objective
from engine.train.optimizer import Optimizer, rate_at
from engine.train.state import Correction, State


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

    Pause, stop, save, evaluate, sample and a changed learning rate are looked up between two updates.
    """
    settings, state, order = training.settings, training.state, training.order
    training.policy.model.train()
    between.begin()
    while state.step < state.steps and between.may_go_on():
        started = time.perf_counter()
        examples = [training.examples[row] for row in order.of_update(state.step + 1)]
        total = training.rows_at_a_time.fitting(partial(accumulate, training, examples))
        # Divide by the tokens or pairs of the whole update: a short micro-batch must not weigh as much as a full one.
        training.optimizer.divide_gradients(total.count)
        rate = rate_at(state.step + 1, state.steps, state.learning_rate, settings.warmup, settings.schedule)
        norm = training.optimizer.norm()
        refuse_runaway(total.loss, norm, state.step + 1, rate)
        training.optimizer.correct(rate, norm)
        state.step += 1
        training.objective.corrected(state.step, total)
        seconds = time.perf_counter() - started
        between.corrected(Correction(total, rate, norm, order.epoch_after(state.step), examples, seconds))


def accumulate(training: Training, examples: list[Example], size: int) -> Totals:
    """Gradients of the summed loss over all examples, `size` at a time, from a clean start."""
    training.optimizer.clear()
    # Chance (dropout) follows from the update's number alone: an update that is redone or resumed is the same.
    torch.manual_seed(training.settings.seed * 1_000_003 + training.state.step + 1)
    loss_of = training.objective.over(examples, size)
    losses = []
    for batch in training.policy.batches(examples, size):
        loss = loss_of(batch)
        loss.sum.backward()
        losses.append(Loss(loss.sum.detach(), loss.count, loss.metrics))
    return add_up(losses)


def refuse_runaway(loss: float, norm: float, step: int, rate: float) -> None:
    """Raise TrainingError when the loss or its gradient is not a number; the weights were left as they were."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = "loss" if not math.isfinite(loss) else "gradient"
    title = f"The {what} is no longer a number at step {step} (learning rate {rate:.2g})."
    raise TrainingError(title, "Start again, or from the last checkpoint, with a lower learning rate.")
