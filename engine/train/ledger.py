"""Updates begun and updates read: where a device works by itself, its numbers are read one update late.

Reading a number from such a device waits until all that was handed to it is done, and leaves it idle until the next
update is handed over. So each update's numbers travel in the stream of work, and are looked at when the next is on
its way. On the processor nothing is late: there the loop is the one who computes.
"""

import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.job.errors import TrainingError
from engine.methods.loss import Loss, Totals, add_up
from engine.models.sending import fetched
from engine.train.batches import Example
from engine.train.objective import Objective
from engine.train.state import Correction, State

LATE = {"cuda": 1}
"""By device, how many updates may be under way unread. On MPS the optimizer itself waits for their numbers."""


class Figures:
    """Losses of an update's micro-batches and its gradient's norm, on their way from where they were computed."""

    def __init__(self, losses: Sequence[Loss], norm: Tensor) -> None:
        self._losses = losses
        numbers = torch.stack([each.detach().float() for each in (norm, *_tensors(losses))])
        self._numbers = fetched(numbers)
        self._arrived = torch.cuda.Event() if norm.is_cuda else None
        if self._arrived is not None:
            self._arrived.record()

    def read(self) -> tuple[Totals, float]:
        """Mean loss and metrics, and the gradient's norm; waits for this update, not for those begun after it."""
        if self._arrived is not None:
            self._arrived.synchronize()
        norm, *numbers = self._numbers.unbind()
        return add_up(_refilled(self._losses, iter(numbers))), norm.item()


@dataclass(frozen=True)
class Update:
    """One update as it was begun: its numbers, its learning rate and rows, and when (`time.perf_counter`)."""

    step: int
    figures: Figures
    rate: float
    epoch: float
    examples: list[Example]
    began: float


class Ledger:
    """The updates of a run in their order. `state.step` is the last one read, `begun` the last one begun.

    `late` updates may be unread at a time. Each is reported once, by `tell`, as soon as it is read.
    """

    def __init__(
        self, state: State, objective: Objective, late: int, tell: Callable[[Correction], None]
    ) -> None:
        self.begun = state.step
        self._state, self._objective, self._tell = state, objective, tell
        self._late = 0 if objective.needs_numbers else late
        self._unread = deque[Update]()
        self._read_at = -math.inf

    def add(self, update: Update) -> None:
        """Note an update as begun, and read those that are due. Raises TrainingError as `catch_up` does."""
        self.begun = update.step
        self._unread.append(update)
        while len(self._unread) > self._late:
            self._read(self._unread.popleft())

    def catch_up(self) -> None:
        """Read all: state, weights and what was told then agree.

        Raises TrainingError for the first update whose loss or gradient is not a number.
        """
        while self._unread:
            self._read(self._unread.popleft())

    def _read(self, update: Update) -> None:
        total, norm = update.figures.read()
        refuse_runaway(total.loss, norm, update.step, update.rate)
        now = time.perf_counter()
        # From one update's end to the next one's; what was done between two updates belongs to neither.
        seconds = now - max(update.began, self._read_at)
        self._read_at = now
        self._state.step = update.step
        self._objective.read(total)
        self._tell(Correction(total, update.rate, norm, update.epoch, update.examples, seconds))


def refuse_runaway(loss: float, norm: float, step: int, rate: float) -> None:
    """Raise TrainingError when the loss or its gradient is not a number; the weights were left as they were."""
    if math.isfinite(loss) and math.isfinite(norm):
        return
    what = "loss" if not math.isfinite(loss) else "gradient"
    title = f"The {what} is no longer a number at step {step} (learning rate {rate:.2g})."
    raise TrainingError(title, "Start again, or from the last checkpoint, with a lower learning rate.")


def _tensors(losses: Sequence[Loss]) -> Iterator[Tensor]:
    """All numbers of the losses that are tensors, in a fixed order."""
    for loss in losses:
        values = (loss.sum, loss.count, *(value for mean in loss.metrics.values() for value in mean))
        yield from (value for value in values if isinstance(value, Tensor))


def _refilled(losses: Sequence[Loss], numbers: Iterator[Tensor]) -> Iterator[Loss]:
    """The losses with these numbers in the places of their tensors."""

    def place(value: Tensor | float) -> Tensor | float:
        return next(numbers) if isinstance(value, Tensor) else value

    for loss in losses:
        total, count = next(numbers), place(loss.count)
        metrics = {name: (next(numbers), place(weight)) for name, (_, weight) in loss.metrics.items()}
        yield Loss(total, count, metrics)
