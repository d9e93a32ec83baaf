"""Preference losses with a reference that holds the model. A new one is a function and a line below.

In all of them c and r are the log-ratios of the chosen and the rejected answer, policy over reference, d = c - r,
b is beta and S the logistic function. Rewards are b times what the loss compares.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812  # torch's own custom
from torch import Tensor

from engine.job.errors import JobError
from engine.job.preference_settings import (
    AnchoredSettings,
    DiscopopSettings,
    DpoSettings,
    ExoPairSettings,
    RobustSettings,
)
from engine.methods.pairs import PairLogps, PairTerms


def dpo(policy: PairLogps, reference: PairLogps, settings: DpoSettings) -> PairTerms:
    """-log S(bd): direct preference optimization, Rafailov et al. 2023, equation 7.

    With label smoothing e it is conservative DPO (Mitchell 2023): e is the share of pairs believed to be
    the wrong way round; TRL 1.16 ignores e here. `length_normalized` divides each log-ratio by its answer's
    tokens, TRL's "sigmoid_norm". `ld_alpha` is LD-DPO (Liu et al. 2024, equation 10).
    """
    if settings.ld_alpha != 1.0:
        policy, reference = (
            _desensitized(policy, settings.ld_alpha),
            _desensitized(reference, settings.ld_alpha),
        )
    chosen, rejected = (
        _ratios_per_token(policy, reference) if settings.length_normalized else _ratios(policy, reference)
    )
    reward_chosen, reward_rejected = settings.beta * chosen, settings.beta * rejected
    margin = reward_chosen - reward_rejected
    doubt = settings.label_smoothing
    losses = -(1 - doubt) * F.logsigmoid(margin)
    if doubt:
        losses = losses - doubt * F.logsigmoid(-margin)
    return PairTerms(losses, reward_chosen, reward_rejected)


def ipo(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """(d - 1/(2b))^2: identity preference optimization, Azar et al. 2023, equation 17.

    c and r are per token, which the paper does not say but its authors have confirmed for TRL.
    """
    chosen, rejected = _ratios_per_token(policy, reference)
    losses = (chosen - rejected - 1 / (2 * settings.beta)) ** 2
    return PairTerms(losses, settings.beta * chosen, settings.beta * rejected)


def hinge(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """max(0, 1 - bd): the calibration loss of SLiC-HF, Zhao et al. 2023, on DPO's log-ratios (Liu et al. 2023)."""
    chosen, rejected = _rewards(policy, reference, settings)
    return PairTerms(torch.relu(1 - (chosen - rejected)), chosen, rejected)


def robust(policy: PairLogps, reference: PairLogps, settings: RobustSettings) -> PairTerms:
    """(-(1-e) log S(bd) + e log S(-bd)) / (1-2e): unbiased under flipped votes, Chowdhury et al. 2024, equation 12."""
    chosen, rejected = _rewards(policy, reference, settings)
    margin, doubt = chosen - rejected, settings.label_smoothing
    losses = (-(1 - doubt) * F.logsigmoid(margin) + doubt * F.logsigmoid(-margin)) / (1 - 2 * doubt)
    return PairTerms(losses, chosen, rejected)


def apo_zero(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """1 - S(bc) + S(br): anchored preference optimization, D'Oosterlinck et al. 2024, equation 7."""
    chosen, rejected = _rewards(policy, reference, settings)
    return PairTerms(torch.sigmoid(-chosen) + torch.sigmoid(rejected), chosen, rejected)


def apo_down(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """S(bc) + 1 - S(bd): anchored preference optimization, D'Oosterlinck et al. 2024, equation 8."""
    chosen, rejected = _rewards(policy, reference, settings)
    return PairTerms(torch.sigmoid(chosen) + torch.sigmoid(rejected - chosen), chosen, rejected)


def bco_pair(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """-log S(bc) - log S(-br): binary classifier optimization, Jung et al. 2024.

    Without the paper's reward shift, as in TRL: it matters for single answers (the method "bco").
    """
    chosen, rejected = _rewards(policy, reference, settings)
    return PairTerms(-F.logsigmoid(chosen) - F.logsigmoid(-rejected), chosen, rejected)


def nca_pair(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """-log S(bc) - (log S(-bc) + log S(-br)) / 2: noise contrastive alignment, Chen et al. 2024, for K = 2."""
    chosen, rejected = _rewards(policy, reference, settings)
    losses = -F.logsigmoid(chosen) - 0.5 * (F.logsigmoid(-chosen) + F.logsigmoid(-rejected))
    return PairTerms(losses, chosen, rejected)


def sppo(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> PairTerms:
    """(c - 1/(2b))^2 + (r + 1/(2b))^2: self-play preference optimization, Wu et al. 2024, equation 4.7.

    With hard votes: the probability of winning is 1 for the chosen and 0 for the rejected answer, as in TRL.
    """
    chosen, rejected = _ratios(policy, reference)
    goal = 1 / (2 * settings.beta)
    losses = (chosen - goal) ** 2 + (rejected + goal) ** 2
    return PairTerms(losses, settings.beta * chosen, settings.beta * rejected)


def exo_pair(policy: PairLogps, reference: PairLogps, settings: ExoPairSettings) -> PairTerms:
    """KL of (S(bd), S(-bd)) from the votes (1-e, e): efficient exact optimization, Ji et al. 2024, equation 16."""
    chosen, rejected = _rewards(policy, reference, settings)
    margin = chosen - rejected
    votes = torch.full_like(margin, settings.label_smoothing)
    losses = torch.sigmoid(margin) * (F.logsigmoid(margin) - torch.log1p(-votes))
    losses = losses + torch.sigmoid(-margin) * (F.logsigmoid(-margin) - torch.log(votes))
    return PairTerms(losses, chosen, rejected)


def discopop(policy: PairLogps, reference: PairLogps, settings: DiscopopSettings) -> PairTerms:
    """(1-m)(-log S(bd)) + m exp(-bd) with m = S(bd/tau): DiscoPOP, Lu et al. 2024, equation 5.

    It is not convex: with a small tau an undecided pair is first pulled the wrong way. The second term is
    computed as one exponential, so that a very negative margin does not overflow in it.
    """
    chosen, rejected = _rewards(policy, reference, settings)
    margin = chosen - rejected
    mixed = margin / settings.tau
    losses = -torch.sigmoid(-mixed) * F.logsigmoid(margin) + torch.exp(F.logsigmoid(mixed) - margin)
    return PairTerms(losses, chosen, rejected)


def _ratios(policy: PairLogps, reference: PairLogps) -> tuple[Tensor, Tensor]:
    return policy.chosen - reference.chosen, policy.rejected - reference.rejected


def _ratios_per_token(policy: PairLogps, reference: PairLogps) -> tuple[Tensor, Tensor]:
    chosen, rejected = _ratios(policy, reference)
    return chosen / policy.chosen_tokens, rejected / policy.rejected_tokens


def _rewards(policy: PairLogps, reference: PairLogps, settings: AnchoredSettings) -> tuple[Tensor, Tensor]:
    chosen, rejected = _ratios(policy, reference)
    return settings.beta * chosen, settings.beta * rejected


def _desensitized(logps: PairLogps, alpha: float) -> PairLogps:
    """What stands beyond the shorter answer's length weighs alpha: LD-DPO, Liu et al. 2024, equation 10."""
    if logps.chosen_shared is None or logps.rejected_shared is None:
        title = "LD-DPO needs the log-probabilities of the answers' common length."
        raise JobError(title, "Give chosen_shared and rejected_shared, or set ld_alpha to 1.")
    return PairLogps(
        logps.chosen_shared + alpha * (logps.chosen - logps.chosen_shared),
        logps.rejected_shared + alpha * (logps.rejected - logps.rejected_shared),
        logps.chosen_tokens,
        logps.rejected_tokens,
    )


AnchoredLoss = Callable[[PairLogps, PairLogps, Any], PairTerms]  # Any: the kind's own settings
ANCHORED: dict[str, AnchoredLoss] = {
    "dpo": dpo,
    "ipo": ipo,
    "hinge": hinge,
    "robust": robust,
    "apo-zero": apo_zero,
    "apo-down": apo_down,
    "bco-pair": bco_pair,
    "nca-pair": nca_pair,
    "sppo": sppo,
    "exo-pair": exo_pair,
    "discopop": discopop,
}
