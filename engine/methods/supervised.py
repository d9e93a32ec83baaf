"""Learning from given answers: cross-entropy of their tokens. Also continued pretraining."""

from typing import Any

from engine.methods.logprobs import TokenLogps, exact
from engine.methods.loss import Loss


def supervised_loss(
    kind: str,
    tokens: TokenLogps,
    settings: Any,  # Any: the card's own dataclass
) -> Loss:
    """Cross-entropy summed over N trained tokens; the count is N.

    With label smoothing e the target is (1 - e) of certainty on the token and e spread evenly over the
    vocabulary (Szegedy et al. 2016, section 7). `kind` is "sft" or "pretrain", which has no smoothing.
    """
    smoothing = settings.label_smoothing if kind == "sft" else 0.0
    target = exact(tokens.target)
    negative = -target
    if smoothing > 0:
        if tokens.average is None:
            raise ValueError("label smoothing needs the mean over the vocabulary")
        negative = -(1 - smoothing) * target - smoothing * exact(tokens.average)
    return Loss(negative.sum(), float(target.numel()))
