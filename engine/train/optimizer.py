"""From gradients to corrections: AdamW, the learning rate over time, clipping."""

import math
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor

from engine.job.sections import TrainSection
from engine.methods.loss import Loss
from engine.train.eight_bit import STEP, adamw_8bit, complete_state, is_8bit, plain_state


def rate_at(step: int, steps: int, peak: float, warmup: float, schedule: str) -> float:
    """The learning rate of update `step` (from 1) of `steps`.

    It rises evenly over the first `warmup` share of the run, then falls to zero just after the last update:
    cosine (Loshchilov and Hutter 2017, equation 5), linear, or constant.
    """
    rising = round(warmup * steps)
    if step <= rising:
        return peak * step / (rising + 1)
    done = (step - 1 - rising) / max(1, steps - rising)
    match schedule:
        case "cosine":
            return peak * 0.5 * (1 + math.cos(math.pi * done))
        case "linear":
            return peak * (1 - done)
        case _:
            return peak


class Optimizer:
    """AdamW (Loshchilov and Hutter 2019) over named parameters; decay spares vectors such as norms and biases."""

    def __init__(
        self,
        parameters: Mapping[str, torch.nn.Parameter],
        settings: TrainSection,
        factor: Callable[[str], float] = lambda name: 1.0,
    ) -> None:
        """`factor` tells by name how many times the run's learning rate a parameter has."""
        self._named = dict(parameters)
        self._clip = settings.clip or math.inf
        self._settings, self._factor = settings, factor
        self._is_halted = torch.zeros((), device=next(iter(self._named.values())).device)
        self._adamw = self._built(settings.optimizer == "adamw-8bit")

    def prepare(self, loss: Loss, is_whole: bool, rate: float) -> None:
        """Before the way back of a batch, which is the whole update or a part of it."""

    def clear(self) -> None:
        """Forget all gradients."""
        self._adamw.zero_grad(set_to_none=True)

    def divide_gradients(self, count: Tensor | float) -> None:
        """Turn the gradients of a sum over `count` into those of its mean."""
        torch._foreach_div_(self._gradients(), count)

    def norm(self) -> Tensor:
        """The length of the whole gradient, a scalar where the gradients are."""
        return torch.nn.utils.get_total_norm(self._gradients())

    def halt_unless_finite(self, *numbers: Tensor) -> None:
        """Change nothing any more, from the next correction on, if one of these scalars is not a number.

        It is decided where the gradients are, and for good: later updates may be on their way already.
        """
        is_runaway = torch.stack([~each.detach().isfinite() for each in numbers]).any()
        self._is_halted = torch.maximum(self._is_halted, is_runaway.to(self._is_halted))

    def correct(self, rate: float, norm: Tensor) -> None:
        """Take one step at this learning rate, the gradient (of length `norm`) cut to the clipping length."""
        for group in self._adamw.param_groups:
            group["lr"] = rate * group["factor"]
        excess = (norm / self._clip).clamp(min=1)
        if self._is_fused:  # the kernel divides and skips as for torch's GradScaler: nobody has to wait
            self._adamw.grad_scale, self._adamw.found_inf = excess, self._is_halted
        elif self._is_halted.item():
            return
        else:
            torch._foreach_div_(self._gradients(), excess)
        self._adamw.step()

    def state(self) -> dict[str, Tensor]:
        """The moments by parameter name and kind ("exp_avg/NAME"), for a checkpoint."""
        return {
            f"{kind}/{name}": value.detach()
            for name, weight in self._named.items()
            for kind, value in plain_state(self._adamw.state[weight]).items()
        }

    def restore(self, state: Mapping[str, Tensor]) -> None:
        """Go on with a checkpoint's moments, in as many bits; raises KeyError for a name that is not trained here."""
        was_8bit = is_8bit(state)
        if state and was_8bit != self._is_8bit:
            self._adamw = self._built(was_8bit)
        for key, value in state.items():
            kind, _, name = key.partition("/")
            weight = self._named[name]
            place = "cpu" if kind == STEP and weight.device.type == "cpu" else weight.device
            self._adamw.state[weight][kind] = value.to(place).clone()
        if was_8bit:
            for each in filter(None, self._adamw.state.values()):
                complete_state(self._adamw, each)

    def _built(self, is_8bit: bool) -> Any:  # Any: bitsandbytes is untyped
        """AdamW over groups that share decay and rate."""
        self._is_8bit = is_8bit
        groups: dict[tuple[bool, float], list[torch.nn.Parameter]] = {}
        for name, weight in self._named.items():
            groups.setdefault((weight.dim() > 1, self._factor(name)), []).append(weight)
        settings = self._settings
        listed = [
            {"params": weights, "factor": times, "weight_decay": settings.weight_decay if is_matrix else 0.0}
            for (is_matrix, times), weights in sorted(
                groups.items(), key=lambda group: (not group[0][0], group[0][1])
            )
        ]
        options: dict[str, Any] = {"betas": (settings.beta1, settings.beta2), "eps": settings.epsilon}
        device = self._is_halted.device.type
        self._is_fused = not is_8bit and device in ("cpu", "cuda")
        if is_8bit:
            return adamw_8bit(listed, device, **options)
        return torch.optim.AdamW(listed, fused=self._is_fused, **options)

    def _gradients(self) -> list[Tensor]:
        return [weight.grad for weight in self._named.values() if weight.grad is not None]
