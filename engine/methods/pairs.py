"""Pairs of answers as their log-probabilities, and what a loss makes of them."""

from dataclasses import dataclass

from torch import Tensor

from engine.methods.logprobs import exact


@dataclass(frozen=True)
class PairLogps:
    """Log-probabilities of B pairs of answers, each (B,), and how many tokens each answer has.

    Sums over the answer's tokens, its end token included. `chosen_shared` and `rejected_shared` are the sums
    over the answer's first tokens alone, as many as the shorter of the two has; LD-DPO needs them.
    """

    chosen: Tensor
    rejected: Tensor
    chosen_tokens: Tensor
    rejected_tokens: Tensor
    chosen_shared: Tensor | None = None
    rejected_shared: Tensor | None = None

    def exact(self) -> "PairLogps":
        """The same, nothing narrower than float32."""
        parts = (self.chosen, self.rejected, self.chosen_tokens, self.rejected_tokens)
        shared = (self.chosen_shared, self.rejected_shared)
        return PairLogps(*map(exact, parts), *(None if part is None else exact(part) for part in shared))


@dataclass(frozen=True)
class PairTerms:
    """What one loss makes of B pairs, each (B,): the losses and the implicit rewards of both answers."""

    losses: Tensor
    reward_chosen: Tensor
    reward_rejected: Tensor
