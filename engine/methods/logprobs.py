"""From logits to log-probabilities: of every token, and summed over each answer."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class TokenLogps:
    """Log-probabilities of N target tokens.

    `target` (N,): of the token that stands in the text. `average` (N,): mean over the whole vocabulary,
    which label smoothing needs; None where nobody asked.
    """

    target: Tensor
    average: Tensor | None = None


def exact(values: Tensor) -> Tensor:
    """At least float32: nothing narrower enters a log or an exponential; float64 stays float64."""
    return values if values.dtype == torch.float64 else values.float()


def token_logps(logits: Tensor, targets: Tensor, average: bool = True) -> TokenLogps:
    """Log-probabilities of `targets` (N,) under `logits` (N, V)."""
    logits = exact(logits)
    normalizer = logits.logsumexp(dim=-1)
    target = logits.gather(-1, targets.unsqueeze(-1)).squeeze(-1)
    mean = logits.mean(dim=-1) - normalizer if average else None
    return TokenLogps(target - normalizer, mean)


def sum_by_row(values: Tensor, rows: Tensor, count: int) -> Tensor:
    """Sums of `values` (N,) by their row number `rows` (N,), as (count,)."""
    return values.new_zeros(count).index_add(0, rows, values)
