"""Preference losses without a reference: nothing anchors the model. A new one is a function and a line below."""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own custom
from torch import Tensor

from engine.job.preference_settings import (
    CpoSettings,
    DpoReferenceFreeSettings,
    OrpoSettings,
    SimpoSettings,
)
from engine.methods.pairs import PairLogps, PairTerms


def dpo_reference_free(policy: PairLogps, settings: DpoReferenceFreeSettings) -> PairTerms:
    """Cross-entropy over [beta * logp_chosen, beta * logp_rejected] with the chosen answer as target.

    Softmax over two logits: it equals DPO with a reference that finds both answers equally likely.
    """
    scores = settings.beta * torch.stack([policy.chosen, policy.rejected], dim=-1)
    target = torch.zeros(len(scores), dtype=torch.long, device=scores.device)
    losses = F.cross_entropy(scores, target, reduction="none")
    return PairTerms(losses, scores[:, 0], scores[:, 1])


def simpo(policy: PairLogps, settings: SimpoSettings) -> PairTerms:
    """Simple preference optimization, Meng et al. 2024, equation 6: the mean per token, and a lead gamma."""
    reward_chosen = settings.beta * policy.chosen / policy.chosen_tokens
    reward_rejected = settings.beta * policy.rejected / policy.rejected_tokens
    losses = -F.logsigmoid(reward_chosen - reward_rejected - settings.gamma)
    return PairTerms(losses, reward_chosen, reward_rejected)


def cpo(policy: PairLogps, settings: CpoSettings) -> PairTerms:
    """Contrastive preference optimization, Xu et al. 2024, equation 3; its likelihood term is `sft_weight`.

    The paper sums that term over the answer's tokens, TRL averages it over the batch's tokens; here it is
    averaged over each answer's.
    """
    reward_chosen, reward_rejected = settings.beta * policy.chosen, settings.beta * policy.rejected
    margin, doubt = reward_chosen - reward_rejected, settings.label_smoothing
    losses = -(1 - doubt) * F.logsigmoid(margin) - doubt * F.logsigmoid(-margin)
    return PairTerms(losses, reward_chosen, reward_rejected)


def orpo(policy: PairLogps, settings: OrpoSettings) -> PairTerms:
    """Odds ratio preference optimization, Hong et al. 2024, equations 6 and 7, on the mean per token.

    The likelihood term is that of the chosen answer, as in the paper; TRL's covers the prompt as well.
    """
    chosen = policy.chosen / policy.chosen_tokens
    rejected = policy.rejected / policy.rejected_tokens
    losses = -chosen - settings.beta * F.logsigmoid(_log_odds(chosen) - _log_odds(rejected))
    return PairTerms(losses, settings.beta * chosen, settings.beta * rejected)


def _log_odds(logp: Tensor) -> Tensor:
    """log(p / (1 - p)). A probability of 1 counts as the largest number below it, where odds are finite."""
    logp = logp.clamp(max=-torch.finfo(logp.dtype).eps)
    is_likely = logp > -0.6931  # p > 1/2: there 1 - p is exact in expm1, elsewhere in log1p
    likely = torch.log(-torch.expm1(torch.where(is_likely, logp, -1.0)))
    unlikely = torch.log1p(-torch.exp(torch.where(is_likely, -1.0, logp)))
    return logp - torch.where(is_likely, likely, unlikely)


ReferenceFreeLoss = Callable[[PairLogps, Any], PairTerms]  # Any: the kind's own settings
REFERENCE_FREE: dict[str, ReferenceFreeLoss] = {
    "dpo-reference-free": dpo_reference_free,
    "simpo": simpo,
    "orpo": orpo,
    "cpo": cpo,
}
