"""What a loss returns: a sum and its count, so that micro-batches add up exactly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor

Mean = tuple[Tensor, Tensor | float]


@dataclass(frozen=True)
class Loss:
    """A loss summed over `count` tokens or pairs; `sum` is a scalar and carries the gradient.

    `metrics` maps a name to (sum, count), without gradient, so that they average exactly as well.
    """

    sum: Tensor
    count: Tensor | float
    metrics: Mapping[str, Mean] = field(default_factory=dict)

    def mean(self) -> Tensor:
        """The mean loss, a scalar with gradient."""
        return self.sum / self.count


def mean_of(values: Tensor) -> Mean:
    """Values (B,) as a metric: their sum without gradient, and how many they are."""
    return values.detach().sum(), float(values.numel())


def mean_where(condition: Tensor, values: Tensor) -> Mean:
    """Those of `values` (B,) where `condition` (B,) holds, as a metric. How many is counted where they are."""
    return values.detach().where(condition, 0.0).sum(), condition.sum()


@dataclass(frozen=True)
class Totals:
    """Losses of several micro-batches put together, as plain numbers."""

    loss: float
    count: float
    metrics: dict[str, float]


def add_up(losses: Iterable[Loss]) -> Totals:
    """Mean loss and mean metrics over all micro-batches together; `count` is that of the whole.

    The sums are added as Python floats (64 bit), so the number of micro-batches hardly changes the result.
    """
    losses = list(losses)
    count = sum(float(loss.count) for loss in losses)
    sums: dict[str, tuple[float, float]] = {}
    for loss in losses:
        for name, (part, weight) in loss.metrics.items():
            before = sums.get(name, (0.0, 0.0))
            sums[name] = (before[0] + float(part), before[1] + float(weight))
    metrics = {name: part / weight for name, (part, weight) in sums.items() if weight}
    return Totals(sum(float(loss.sum.detach()) for loss in losses) / count, count, metrics)
