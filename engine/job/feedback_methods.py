"""The methods that learn from single answers with a thumb up or down: settings and cards."""

from dataclasses import dataclass

from engine.job.cards import Chart, Line, MethodCard, Paper
from engine.job.method_fields import (
    ACCURACY,
    DRIFT,
    LENGTHS,
    LOSS,
    MARGIN,
    REWARDS,
    beta,
    reference,
    reference_share,
    reference_update,
)
from engine.job.settings import setting

_CODE = "engine.methods.feedback:feedback_loss"


@dataclass(frozen=True)
class FeedbackSettings:
    """What both methods share."""

    beta: float = beta()
    desirable_weight: float = setting(
        1.0,
        "Weight of good answers",
        "Raise it where good answers are the fewer ones.",
        term="desirable weight",
        low=0.0,
        high=100.0,
        group="Method",
    )
    undesirable_weight: float = setting(
        1.0,
        "Weight of bad answers",
        "Raise it where bad answers are the fewer ones.",
        term="undesirable weight",
        low=0.0,
        high=100.0,
        group="Method",
    )
    reference: str = reference()
    reference_update: int | None = reference_update()
    reference_share: float = reference_share()


@dataclass(frozen=True)
class KtoSettings(FeedbackSettings):
    """Kahneman-Tversky optimization, Ethayarajh et al. 2024."""


@dataclass(frozen=True)
class BcoSettings(FeedbackSettings):
    """Binary classifier optimization, Jung et al. 2024."""


_ESTIMATE = Chart("Drift from the reference", "should stay small", (Line("kl", "KL estimate per answer"),))

FEEDBACK_METHODS: tuple[MethodCard, ...] = (
    MethodCard(
        kind="kto",
        family="feedback",
        title="Thumbs up, thumbs down",
        subtitle="KTO",
        help="Makes good answers likelier and bad ones less, each on its own; losses count as people feel them.",
        good_for="Votes on single answers, also many more of one kind than of the other.",
        costs="One answer per row, looked at twice, and one look at the reference.",
        settings=KtoSettings,
        rows="feedback",
        charts=(REWARDS, MARGIN, ACCURACY, LOSS, _ESTIMATE, LENGTHS),
        code=_CODE,
        paper=Paper("Ethayarajh et al. 2024", "https://arxiv.org/abs/2402.01306"),
        needs_reference=True,
    ),
    MethodCard(
        kind="bco",
        family="feedback",
        title="Tell good from bad",
        subtitle="BCO",
        help="Learns to call good answers good and bad ones bad, measured from the middle between them.",
        good_for="About as many good answers as bad ones.",
        costs="One answer per row and one look at the reference.",
        settings=BcoSettings,
        rows="feedback",
        charts=(REWARDS, MARGIN, ACCURACY, LOSS, DRIFT, LENGTHS),
        code=_CODE,
        paper=Paper("Jung et al. 2024", "https://arxiv.org/abs/2404.04656"),
        needs_reference=True,
    ),
)
