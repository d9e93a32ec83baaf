"""What a person can set of each method that learns from two answers. The cards are in preference_methods.py."""

from dataclasses import dataclass

from engine.job.method_fields import (
    beta,
    doubt,
    reference,
    reference_share,
    reference_update,
    sft_weight,
)
from engine.job.settings import setting


@dataclass(frozen=True)
class DpoSettings:
    """Direct preference optimization with a reference, Rafailov et al. 2023."""

    beta: float = beta()
    label_smoothing: float = doubt()
    sft_weight: float = sft_weight()
    length_normalized: bool = setting(
        False,
        "Per token",
        "Compares the answers' mean per token, so that length counts less; needs a higher beta, about 2.",
        term="length normalization",
        advanced=True,
        group="Method",
    )
    ld_alpha: float = setting(
        1.0,
        "Weight of the longer answer's rest",
        "What stands beyond the shorter answer's length counts this much; 1 counts all of it.",
        term="LD-DPO alpha",
        low=0.0,
        high=1.0,
        advanced=True,
        group="Method",
    )
    reference: str = reference()
    reference_update: int | None = reference_update()
    reference_share: float = reference_share()


@dataclass(frozen=True)
class DpoReferenceFreeSettings:
    """Preference without a reference: cross-entropy over the two scaled log-probabilities."""

    beta: float = beta(help="Scales the two log-probabilities before they are compared.")
    sft_weight: float = sft_weight()


@dataclass(frozen=True)
class AnchoredSettings:
    """Losses that hold the model near a reference and need nothing beyond that."""

    beta: float = beta()
    sft_weight: float = sft_weight()
    reference: str = reference()
    reference_update: int | None = reference_update()
    reference_share: float = reference_share()


@dataclass(frozen=True)
class IpoSettings(AnchoredSettings):
    """Identity preference optimization, Azar et al. 2023."""


@dataclass(frozen=True)
class HingeSettings(AnchoredSettings):
    """A margin that is enough once it is reached, Zhao et al. 2023 (SLiC-HF)."""


@dataclass(frozen=True)
class RobustSettings(AnchoredSettings):
    """DPO that corrects for wrong votes, Chowdhury et al. 2024."""

    label_smoothing: float = doubt(0.1)


@dataclass(frozen=True)
class ApoZeroSettings(AnchoredSettings):
    """Anchored preference optimization for answers better than the model's, D'Oosterlinck et al. 2024."""


@dataclass(frozen=True)
class ApoDownSettings(AnchoredSettings):
    """Anchored preference optimization for answers worse than the model's, D'Oosterlinck et al. 2024."""


@dataclass(frozen=True)
class BcoPairSettings(AnchoredSettings):
    """Binary classifier optimization over pairs, Jung et al. 2024."""


@dataclass(frozen=True)
class NcaPairSettings(AnchoredSettings):
    """Noise contrastive alignment over pairs, Chen et al. 2024."""


@dataclass(frozen=True)
class SppoSettings(AnchoredSettings):
    """Self-play preference optimization with hard votes, Wu et al. 2024."""

    beta: float = beta(help="Each answer's log-ratio is drawn towards plus or minus 1 / (2 beta).")


@dataclass(frozen=True)
class ExoPairSettings(AnchoredSettings):
    """Efficient exact optimization over pairs, Ji et al. 2024."""

    label_smoothing: float = doubt(1e-3, above=0.0)


@dataclass(frozen=True)
class DiscopopSettings(AnchoredSettings):
    """The loss that a language model discovered, Lu et al. 2024."""

    beta: float = beta(0.05)
    tau: float = setting(
        0.05,
        "Sharpness of the change",
        "How suddenly the logistic loss gives way to the exponential one.",
        term="tau",
        above=0.0,
        high=1.0,
        advanced=True,
        group="Method",
    )


@dataclass(frozen=True)
class SimpoSettings:
    """Simple preference optimization, Meng et al. 2024."""

    beta: float = beta(2.0, help="Scales the mean log-probability per token before it is compared.")
    gamma: float = setting(
        1.0,
        "Lead that is asked for",
        "How far ahead the chosen answer has to be.",
        term="gamma",
        low=0.0,
        high=100.0,
        group="Method",
    )
    sft_weight: float = sft_weight()


@dataclass(frozen=True)
class OrpoSettings:
    """Odds ratio preference optimization, Hong et al. 2024."""

    beta: float = setting(
        0.1,
        "Weight of the comparison",
        "How much the preference counts beside imitating the chosen answer.",
        term="lambda",
        above=0.0,
        high=100.0,
        group="Method",
    )


@dataclass(frozen=True)
class CpoSettings:
    """Contrastive preference optimization, Xu et al. 2024."""

    beta: float = beta(help="Scales the two log-probabilities before they are compared.")
    label_smoothing: float = doubt()
    sft_weight: float = sft_weight(1.0)
