"""Learning from single answers, each good or bad. A new loss is a function and a line in `FEEDBACK`."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own custom
from torch import Tensor

from engine.job.errors import JobError
from engine.job.feedback_methods import BcoSettings, KtoSettings
from engine.job.settings import unknown_name
from engine.methods.logprobs import exact
from engine.methods.loss import Loss, Mean, mean_of, mean_where


@dataclass(frozen=True)
class AnswerLogps:
    """Log-probabilities of B answers, each (B,), summed over the answer's tokens, and how many those are."""

    logps: Tensor
    tokens: Tensor

    def exact(self) -> "AnswerLogps":
        """The same, nothing narrower than float32."""
        return AnswerLogps(exact(self.logps), exact(self.tokens))


def feedback_loss(
    kind: str,
    policy: AnswerLogps,
    reference: AnswerLogps | None,
    desirable: Tensor,
    settings: Any,  # Any: the card's own dataclass
    baseline: Tensor | float = 0.0,
) -> Loss:
    """The loss `kind` over B answers: sum over answers, count B; `desirable` (B,) is true for the good ones.

    `baseline` is where neither good nor bad begins: for "kto" the KL estimate of `kl_estimate`, for "bco" the
    reward in the middle between good and bad answers. It carries no gradient.
    Metrics: reward_chosen and length_chosen over the good answers, reward_rejected and length_rejected over the
    bad ones, accuracy, where a tie counts one half, and kl. Raises JobError for an unknown kind or a missing reference.
    """
    if kind not in FEEDBACK:
        raise unknown_name(kind, kind, FEEDBACK, what="feedback loss")
    if reference is None:
        title = f"The method '{kind}' needs a reference."
        raise JobError(title, "Give the reference's log-probabilities.")
    policy, reference = policy.exact(), reference.exact()
    ratio = policy.logps - reference.logps
    lead = FEEDBACK[kind](ratio, settings, baseline)
    sign = torch.ones_like(lead).where(desirable, -1.0)
    weight = torch.full_like(lead, settings.desirable_weight).where(desirable, settings.undesirable_weight)
    losses = weight * LOSS_OF_LEAD[kind](sign * lead)
    metrics = _metrics(settings.beta * ratio, policy.tokens, desirable, sign * lead)
    metrics["kl"] = _kl(kind, ratio, policy.tokens, baseline)
    return Loss(losses.sum(), float(losses.numel()), metrics)


def kto(ratio: Tensor, settings: KtoSettings, baseline: Tensor | float) -> Tensor:
    """B (log-ratio - z): Kahneman-Tversky optimization, Ethayarajh et al. 2024, equation 7, z the KL estimate."""
    return settings.beta * (ratio - baseline)


def bco(ratio: Tensor, settings: BcoSettings, baseline: Tensor | float) -> Tensor:
    """B log-ratio - delta: binary classifier optimization, Jung et al. 2024, equation 9, delta the reward shift."""
    return settings.beta * ratio - baseline


def kl_estimate(policy: AnswerLogps, reference: AnswerLogps) -> Tensor:
    """KTO's z0: the mean log-ratio of prompts with other rows' answers, at least 0 (section 4.1 of the paper).

    A scalar without gradient, where the log-probabilities are: nothing waits for it.
    """
    ratio = exact(policy.logps) - exact(reference.logps)
    wide = ratio if ratio.device.type == "mps" else ratio.double()  # Apple's GPUs have no float64
    return wide.detach().mean().clamp(min=0)


Lead = Callable[[Tensor, Any, Tensor | float], Tensor]  # Any: the kind's own settings
FEEDBACK: dict[str, Lead] = {"kto": kto, "bco": bco}
"""How far each answer (B,) lies above the baseline, in the units of the reward."""

LOSS_OF_LEAD: dict[str, Callable[[Tensor], Tensor]] = {
    "kto": lambda lead: torch.sigmoid(-lead),  # 1 - S(lead)
    "bco": lambda lead: -F.logsigmoid(lead),
}
"""The loss of a good answer for its lead; a bad answer's lead is turned round."""


def _metrics(rewards: Tensor, tokens: Tensor, desirable: Tensor, lead: Tensor) -> dict[str, Mean]:
    correct = (lead > 0).to(lead.dtype) + 0.5 * (lead == 0).to(lead.dtype)
    return {
        "reward_chosen": mean_where(desirable, rewards),
        "reward_rejected": mean_where(~desirable, rewards),
        "length_chosen": mean_where(desirable, tokens),
        "length_rejected": mean_where(~desirable, tokens),
        "accuracy": mean_of(correct),
    }


def _kl(kind: str, ratio: Tensor, tokens: Tensor, baseline: Tensor | float) -> Mean:
    """For "kto" its own estimate, per answer; else half the squared log-ratio per token, as for pairs."""
    if kind == "kto":
        return mean_of(torch.zeros_like(ratio) + baseline)
    return mean_of(0.5 * ratio**2 / tokens)
