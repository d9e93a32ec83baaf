"""Settings and charts that several methods share, each written once."""

from typing import Any

from engine.job.cards import Chart, Line, Paper
from engine.job.settings import setting

START = "start"
"""The reference that is the model as the run found it."""


def beta(default: float = 0.1, help: str = "Higher keeps closer to the reference.") -> Any:  # Any: a field
    """How closely the model stays to its reference."""
    return setting(default, "How closely it stays", help, term="beta", above=0.0, high=100.0, group="Method")


def doubt(default: float = 0.0, **limits: float) -> Any:  # Any: a field
    """The share of pairs that are believed to be the wrong way round."""
    return setting(
        default,
        "Doubt in the votes",
        "Assumed share of pairs whose preference is the wrong way round.",
        term="label smoothing",
        high=0.49,
        advanced=True,
        group="Method",
        **(limits or {"low": 0.0}),
    )


def sft_weight(default: float = 0.0) -> Any:  # Any: a field
    """The weight of the chosen answer's own loss."""
    return setting(
        default,
        "Also imitate the chosen answer",
        "Weight of the chosen answer's own loss; keeps its wording likely.",
        term="SFT weight",
        low=0.0,
        high=10.0,
        advanced=True,
        group="Method",
    )


def reference() -> Any:  # Any: a field
    """Which model the learning one is held against."""
    return setting(
        START,
        "Compared with",
        "'start' is the model as this run found it; or another model's folder, or another run.",
        term="reference",
        advanced=True,
        group="Reference",
    )


def reference_update() -> Any:  # Any: a field
    """Every how many steps the reference follows the model."""
    return setting(
        None,
        "Renew the reference every",
        "The reference follows the model while it learns, so that it may move further from the start.",
        term="TR-DPO",
        unit="steps",
        low=1,
        auto="off",
        advanced=True,
        group="Reference",
    )


def reference_share() -> Any:  # Any: a field
    """How much of the model a renewed reference takes over."""
    return setting(
        1.0,
        "Share that is renewed",
        "1 replaces the reference; less mixes the model into it.",
        term="TR-DPO alpha",
        above=0.0,
        high=1.0,
        advanced=True,
        group="Reference",
    )


LOSS = Chart("Loss", "should fall", (Line("loss", "Training"),))
REWARDS = Chart(
    "Rewards",
    "should pull apart",
    (Line("reward_chosen", "Chosen"), Line("reward_rejected", "Rejected")),
)
MARGIN = Chart("Margin between them", "should rise", (Line("reward_margin", "Margin"),))
ACCURACY = Chart(
    "Picks the chosen answer",
    "accuracy",
    (Line("accuracy", "Training"), Line("accuracy", "Validation", of_checks=True)),
    is_share=True,
    guide=0.5,
    guide_label="50 % is guessing",
)
DRIFT = Chart("Drift from the reference", "should stay small", (Line("kl", "KL per token"),))
START_DRIFT = Chart(
    "Drift from the start",
    "on rows kept back; should stay small",
    (Line("kl", "KL per token", of_checks=True),),
)
LENGTHS = Chart(
    "Chosen longer by",
    "tokens; far from 0 teaches length",
    (Line("length_difference", "Tokens"),),
    guide=0.0,
    guide_label="equally long",
)

FREE_CHARTS = (REWARDS, MARGIN, ACCURACY, LOSS, START_DRIFT, LENGTHS)
ANCHORED_CHARTS = (REWARDS, MARGIN, ACCURACY, LOSS, DRIFT, LENGTHS)

DPO_PAPER = Paper("Rafailov et al. 2023", "https://arxiv.org/abs/2305.18290")
