"""Learning from pairs of answers, one preferred: the way into all such losses, and what is measured of them.

The losses themselves are in anchored.py (with a reference) and reference_free.py. A new one is a function
there and a line in its registry. Every loss is per pair: summed over pairs, counted in pairs.
"""

from typing import Any

from torch import Tensor

from engine.job.errors import JobError
from engine.job.settings import unknown_name
from engine.methods.anchored import ANCHORED
from engine.methods.loss import Loss, Mean, mean_of
from engine.methods.pairs import PairLogps, PairTerms
from engine.methods.reference_free import REFERENCE_FREE

__all__ = ["PREFERENCE", "PairLogps", "PairTerms", "preference_loss"]

PREFERENCE = (*ANCHORED, *REFERENCE_FREE)
"""The kinds there are."""


def preference_loss(
    kind: str,
    policy: PairLogps,
    reference: PairLogps | None,
    settings: Any,  # Any: the card's own dataclass
) -> Loss:
    """The loss `kind` over B pairs: sum over pairs, count B; `settings` is the card's dataclass.

    Where the settings have an `sft_weight`, the chosen answer's own loss is added to each pair: its negative
    log-likelihood per token, as in Pang et al. 2024 (Iterative RPO, equation 1), there divided by the tokens
    of prompt and answer, here by those of the answer, which alone are scored. TRL divides the batch's sum by
    the batch's tokens instead, so that a long answer weighs more than a short one.
    Metrics: reward_chosen, reward_rejected, reward_margin, accuracy, where a tie counts one half,
    length_difference in tokens, and with a reference kl. A kind without a reference is only measured against one
    that is given: besides kl, chosen_gain and margin_gain tell how far its rewards are from that model's. Raises JobError for an unknown kind or a missing reference.
    """
    if kind not in PREFERENCE:
        raise unknown_name(kind, kind, PREFERENCE, what="preference loss")
    policy = policy.exact()
    reference = reference.exact() if reference is not None else None
    gains: dict[str, Mean] = {}
    if kind in REFERENCE_FREE:
        terms = REFERENCE_FREE[kind](policy, settings)
        if reference is not None:
            gains = _gains(terms, REFERENCE_FREE[kind](reference, settings))
    elif reference is None:
        advice = "Give the reference's log-probabilities, or choose reference-free DPO."
        raise JobError(f"The method '{kind}' needs a reference.", advice)
    else:
        terms = ANCHORED[kind](policy, reference, settings)
    losses = terms.losses
    weight = getattr(settings, "sft_weight", 0.0)
    if weight:
        losses = losses - weight * policy.chosen / policy.chosen_tokens
    metrics = (
        _metrics(terms)
        | gains
        | {"length_difference": mean_of(policy.chosen_tokens - policy.rejected_tokens)}
    )
    if reference is not None:
        metrics["kl"] = _kl_per_token(policy, reference)
    return Loss(losses.sum(), float(losses.numel()), metrics)


def _metrics(terms: PairTerms) -> dict[str, Mean]:
    chosen, rejected = terms.reward_chosen.detach(), terms.reward_rejected.detach()
    correct = (chosen > rejected).to(chosen.dtype) + 0.5 * (chosen == rejected).to(chosen.dtype)
    means = {
        "reward_chosen": chosen,
        "reward_rejected": rejected,
        "reward_margin": chosen - rejected,
        "accuracy": correct,
    }
    return {name: mean_of(values) for name, values in means.items()}


def _gains(now: PairTerms, before: PairTerms) -> dict[str, Mean]:
    chosen, rejected = now.reward_chosen - before.reward_chosen, now.reward_rejected - before.reward_rejected
    return {"chosen_gain": mean_of(chosen), "margin_gain": mean_of(chosen - rejected)}


def _kl_per_token(policy: PairLogps, reference: PairLogps) -> Mean:
    """How far the model has drifted: half the squared log-ratio of each answer, per token.

    Schulman's estimator k2 (2020) of the KL divergence, over the data's answers instead of fresh samples:
    never negative, and right to second order while the drift is small.
    """
    chosen = _squared(policy.chosen - reference.chosen) / policy.chosen_tokens
    rejected = _squared(policy.rejected - reference.rejected) / policy.rejected_tokens
    return mean_of((chosen + rejected) / 2)


def _squared(ratio: Tensor) -> Tensor:
    return 0.5 * ratio.detach() ** 2
