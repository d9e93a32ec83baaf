"""Learning from pairs of answers, one preferred. A new loss is one function and one line in `PREFERENCE`.

`PairLogps` are sums over the answer's tokens, its end token included. Every loss here is per pair:
summed over pairs, counted in pairs.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own custom
from torch import Tensor

from engine.job.errors import JobError
from engine.job.methods import DpoReferenceFreeSettings, DpoSettings
from engine.job.settings import unknown_name
from engine.methods.logprobs import exact
from engine.methods.loss import Loss


@dataclass(frozen=True)
class PairLogps:
    """Log-probabilities of B pairs of answers, each (B,), and how many tokens each answer has."""

    chosen: Tensor
    rejected: Tensor
    chosen_tokens: Tensor
    rejected_tokens: Tensor


@dataclass(frozen=True)
class PairTerms:
    """What one loss makes of B pairs, each (B,): the losses and the implicit rewards of both answers."""

    losses: Tensor
    reward_chosen: Tensor
    reward_rejected: Tensor


def preference_loss(
    kind: str,
    policy: PairLogps,
    reference: PairLogps | None,
    settings: Any,  # Any: the card's own dataclass
) -> Loss:
    """The loss `kind` over B pairs: sum over pairs, count B; `settings` is the card's dataclass.

    Where the settings have an `sft_weight`, the chosen answer's own loss is added to each pair: its negative
    log-likelihood per token, as in Pang et al. 2024 (Iterative RPO, equation 1), there divided by the tokens
    of prompt and answer, here by those of the answer, which alone are scored.
    Metrics: reward_chosen, reward_rejected, reward_margin, and accuracy, where a tie counts one half.
    Raises JobError for an unknown kind or a missing reference.
    """
    if kind not in PREFERENCE:
        raise unknown_name(kind, kind, PREFERENCE, what="preference loss")
    policy = _exact_pair(policy)
    terms = PREFERENCE[kind](policy, reference and _exact_pair(reference), settings)
    losses = terms.losses
    weight = getattr(settings, "sft_weight", 0.0)
    if weight:
        losses = losses - weight * policy.chosen / policy.chosen_tokens
    return Loss(losses.sum(), float(losses.numel()), _metrics(terms))


def dpo(policy: PairLogps, reference: PairLogps | None, settings: DpoSettings) -> PairTerms:
    """Direct preference optimization, Rafailov et al. 2023, equation 7.

    With label smoothing e it is conservative DPO (Mitchell 2023): e is the share of pairs believed to be
    the wrong way round.
    """
    if reference is None:
        advice = "Give the reference's log-probabilities, or choose reference-free DPO."
        raise JobError("DPO needs a reference.", advice)
    reward_chosen = settings.beta * (policy.chosen - reference.chosen)
    reward_rejected = settings.beta * (policy.rejected - reference.rejected)
    margin = reward_chosen - reward_rejected
    doubt = settings.label_smoothing
    losses = -(1 - doubt) * F.logsigmoid(margin)
    if doubt:
        losses = losses - doubt * F.logsigmoid(-margin)
    return PairTerms(losses, reward_chosen, reward_rejected)


def dpo_reference_free(
    policy: PairLogps, reference: PairLogps | None, settings: DpoReferenceFreeSettings
) -> PairTerms:
    """Cross-entropy over [beta * logp_chosen, beta * logp_rejected] with the chosen answer as target.

    Softmax over two logits: it equals DPO with a reference that finds both answers equally likely, so a
    reference that is given changes nothing.
    """
    scores = settings.beta * torch.stack([policy.chosen, policy.rejected], dim=-1)
    target = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    losses = F.cross_entropy(scores, target, reduction="none")
    return PairTerms(losses, scores[:, 0], scores[:, 1])


PreferenceLoss = Callable[[PairLogps, PairLogps | None, Any], PairTerms]  # Any: the kind's own settings
PREFERENCE: dict[str, PreferenceLoss] = {"dpo": dpo, "dpo-reference-free": dpo_reference_free}


def _exact_pair(pair: PairLogps) -> PairLogps:
    tokens = exact(pair.chosen_tokens), exact(pair.rejected_tokens)
    return PairLogps(exact(pair.chosen), exact(pair.rejected), *tokens)


def _metrics(terms: PairTerms) -> dict[str, tuple[Tensor, float]]:
    chosen, rejected = terms.reward_chosen.detach(), terms.reward_rejected.detach()
    correct = (chosen > rejected).to(chosen.dtype) + 0.5 * (chosen == rejected).to(chosen.dtype)
    means = {
        "reward_chosen": chosen,
        "reward_rejected": rejected,
        "reward_margin": chosen - rejected,
        "accuracy": correct,
    }
    return {name: (values.sum(), float(values.numel())) for name, values in means.items()}
