"""When checkpoints are written, and what happens when the disk is full."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from engine.job.channel import Desk
from engine.job.events import Saved
from engine.job.sections import SavingSection
from engine.models.adapters import (
    is_whole,
    restore_training,
    save_adapter,
    trained_parameters,
    training_state,
)
from engine.models.embeddings import written_twice
from engine.train import checkpoints
from engine.train.memory import RowsAtATime
from engine.train.optimizer import Optimizer
from engine.train.reference import Reference
from engine.train.state import State

Facts = dict[str, Any]  # Any: JSON values


class Keeper:
    """Writes the run's checkpoints and reads them back. `facts` go into each: what a resumed run compares."""

    def __init__(
        self,
        *,
        model: torch.nn.Module,
        optimizer: Optimizer,
        reference: Reference | None,
        state: State,
        rows_at_a_time: RowsAtATime,
        facts: Facts,
        settings: SavingSection,
        desk: Desk,
    ) -> None:
        self._model, self._optimizer, self._reference = model, optimizer, reference
        self._state, self._rows_at_a_time, self._facts = state, rows_at_a_time, facts
        self._settings, self._desk = settings, desk
        self._saved_at = time.monotonic()
        self._saved: tuple[int, int | None] | None = None

    @property
    def keeps_best(self) -> bool:
        """Whether the checkpoint with the lowest loss on the rows kept back stays."""
        return self._settings.best

    @property
    def is_due(self) -> bool:
        """Whether the time between checkpoints has passed."""
        return time.monotonic() - self._saved_at >= self._settings.every_minutes * 60

    def save(self, reason: str) -> None:
        """Write a checkpoint of this step, unless the same stands already, and remove those not kept.

        Raises ResourceError when the disk is full; earlier checkpoints stay.
        """
        state = self._state
        if self._saved == (state.step, state.best_step):
            return
        run = self._desk.folder
        checkpoints.require_space(run, self.expected_bytes())
        path = checkpoints.write_checkpoint(
            run, state.step, self._write_weights, self._tensors(), self._plain()
        )
        self._saved_at, self._saved = time.monotonic(), (state.step, state.best_step)
        is_best = state.best_step == state.step
        size = checkpoints.folder_bytes(path)
        place = path.relative_to(run).as_posix()
        self._desk.tell(Saved(state.step, place, is_best, size, reason))
        best = state.best_step if self._settings.best else None
        checkpoints.prune(run, self._settings.keep, best)

    def restore(self, checkpoint: Path, load: Callable[[torch.nn.Module, Path], object]) -> Facts:
        """Go on from a checkpoint: weights (by `load`), moments, reference, state. Returns its facts."""
        load(self._model, checkpoint)
        restore_training(self._model, checkpoints.read_tensors(checkpoint, "training"))
        self._optimizer.restore(checkpoints.read_tensors(checkpoint, "optimizer"))
        if self._reference is not None:
            self._reference.restore(checkpoints.read_tensors(checkpoint, "reference"))
        plain = checkpoints.read_state(checkpoint)
        self._state.restore(plain["state"])
        self._rows_at_a_time.size = int(plain["micro_batch"])
        self._saved = (self._state.step, self._state.best_step)
        facts: Facts = plain["facts"]
        return facts

    def expected_bytes(self) -> int:
        """About the size of the next checkpoint: weights and two moments in float32."""
        trained = sum(weight.numel() for weight in trained_parameters(self._model).values())
        written = (
            sum(weight.numel() for weight in self._model.parameters()) if is_whole(self._model) else trained
        )
        return written * 4 + trained * 8 + 4 * written_twice(self._model)

    def _write_weights(self, folder: Path) -> None:
        save_adapter(self._model, folder)

    def _tensors(self) -> dict[str, checkpoints.Tensors]:
        reference = self._reference.state() if self._reference is not None else {}
        return {
            "optimizer": self._optimizer.state(),
            "reference": reference,
            "training": training_state(self._model),
        }

    def _plain(self) -> Facts:
        return {
            "state": self._state.plain(),
            "micro_batch": self._rows_at_a_time.size,
            "facts": self._facts,
        }
