"""Corrections on the way back: each weight as soon as its own gradient is known, which is forgotten at once.

Lv et al. 2023 (LOMO), here with AdamW: the gradients of all weights never stand in memory together. What is asked of
the whole gradient, its clipping, is then asked of each weight's own. That is the one difference: without clipping the
result is that of the ordinary way to the last bit.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from engine.job.errors import ResourceError
from engine.job.sections import TrainSection
from engine.methods.loss import Loss
from engine.train.optimizer import Optimizer


class InBackward(Optimizer):
    """An optimizer that has corrected every weight when the way back of the update ends.

    An update that goes through the model in several parts needs its gradients kept: it is corrected the ordinary way,
    and `in_parts` is called once to tell.
    """

    def __init__(
        self,
        parameters: Mapping[str, torch.nn.Parameter],
        settings: TrainSection,
        factor: Callable[[str], float] = lambda name: 1.0,
        in_parts: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(parameters, settings, factor)
        self._in_parts, self._has_told = in_parts, False
        self._now: tuple[float, float] | None = (
            None  # the update's count and rate, while it is done on the way back
        )
        self._norms: list[float] = []  # of the weights that were corrected in this update
        if not self._is_8bit:
            self._make_room()
        for weight in self._named.values():
            weight.register_post_accumulate_grad_hook(self._arrived)

    def prepare(self, loss: Loss, is_whole: bool, rate: float) -> None:
        """Correct on the way back of `loss` at this rate, if it is the whole update and a number."""
        if self._now is not None:
            raise RuntimeError("a second batch came for an update that was said to be whole")
        if not is_whole:
            if not self._has_told:
                self._has_told = True
                self._in_parts()
        elif math.isfinite(float(loss.sum.detach())):
            self._now = float(loss.count), rate

    def clear(self) -> None:
        """Before an update. Raises ResourceError when it is one that was begun and broke off: it cannot be redone."""
        if self._now is not None and self._norms:
            title = "Memory ran out in the middle of a correction that was made weight by weight."
            advice = (
                "Resume from the last checkpoint with fewer rows per correction ([train] batch_size), "
                "or start again with [train] step_in_backward = off."
            )
            raise ResourceError(title, advice)
        self._now, self._norms = None, []
        super().clear()

    def divide_gradients(self, count: Tensor | float) -> None:
        """As the ordinary way, unless all is done."""
        if self._now is None:
            super().divide_gradients(count)

    def norm(self) -> Tensor:
        """The length of the whole gradient, before each part of it was cut; no number if one part was none."""
        if self._now is None:
            return super().norm()
        return torch.tensor(math.hypot(*self._norms), device=self._is_halted.device)

    def correct(self, rate: float, norm: Tensor) -> None:
        """As the ordinary way, unless all is done."""
        if self._now is None:
            super().correct(rate, norm)
        self._now, self._norms = None, []

    def _arrived(self, weight: torch.nn.Parameter) -> None:
        """Correct this weight, the only one with a gradient now. After one that is no number nothing is changed."""
        if self._now is None:
            return
        count, rate = self._now
        super().divide_gradients(count)
        norm = super().norm()
        self._norms.append(float(norm))
        if all(map(math.isfinite, self._norms)):
            super().correct(rate, norm)
        weight.grad = None

    def _make_room(self) -> None:
        """Take the moments' memory at once: should it not be there, then that shows before weights are changed."""
        for weight in self._named.values():
            self._adamw.state[weight] = {
                "step": torch.zeros((), device="cpu" if weight.device.type == "mps" else weight.device),
                "exp_avg": torch.zeros_like(weight, memory_format=torch.preserve_format),
                "exp_avg_sq": torch.zeros_like(weight, memory_format=torch.preserve_format),
            }
