"""The methods: their settings and their cards. A new method is one dataclass and one card here."""

from dataclasses import dataclass

from engine.job.cards import Chart, Family, Line, MethodCard, Paper
from engine.job.settings import setting


@dataclass(frozen=True)
class SftSettings:
    """Instruction tuning: cross-entropy of the answers' tokens."""

    label_smoothing: float = setting(
        0.0,
        "Doubt",
        "Share of certainty spread over all words.",
        term="label smoothing",
        low=0.0,
        high=0.5,
        advanced=True,
        group="Method",
    )


@dataclass(frozen=True)
class PretrainSettings:
    """Continued pretraining: cross-entropy of every token."""


@dataclass(frozen=True)
class DpoSettings:
    """Direct preference optimization with a reference, Rafailov et al. 2023."""

    beta: float = setting(
        0.1,
        "How closely it stays",
        "Higher keeps closer to the reference.",
        term="beta",
        above=0.0,
        high=100.0,
        group="Method",
    )
    label_smoothing: float = setting(
        0.0,
        "Doubt in the votes",
        "Assumed share of pairs whose preference is the wrong way round.",
        term="label smoothing",
        low=0.0,
        high=0.49,
        advanced=True,
        group="Method",
    )
    sft_weight: float = setting(
        0.0,
        "Also imitate the chosen answer",
        "Weight of the chosen answer's own loss; keeps its wording likely.",
        term="SFT weight",
        low=0.0,
        high=10.0,
        advanced=True,
        group="Method",
    )


@dataclass(frozen=True)
class DpoReferenceFreeSettings:
    """Preference without a reference: cross-entropy over the two scaled log-probabilities."""

    beta: float = setting(
        0.1,
        "How decided",
        "Scales the two log-probabilities before they are compared.",
        term="beta",
        above=0.0,
        high=100.0,
        group="Method",
    )
    sft_weight: float = setting(
        0.0,
        "Also imitate the chosen answer",
        "Weight of the chosen answer's own loss; keeps its wording likely.",
        term="SFT weight",
        low=0.0,
        high=10.0,
        advanced=True,
        group="Method",
    )


_LOSS = Chart("Loss", "should fall", (Line("loss", "Training"),))
_PREFERENCE_CHARTS = (
    Chart(
        "Rewards",
        "should pull apart",
        (Line("reward_chosen", "Chosen"), Line("reward_rejected", "Rejected")),
    ),
    Chart("Margin between them", "should rise", (Line("reward_margin", "Margin"),)),
    Chart(
        "Picks the chosen answer",
        "accuracy",
        (Line("accuracy", "Accuracy"),),
        is_share=True,
        guide=0.5,
        guide_label="50 % is guessing",
    ),
    _LOSS,
)
_DPO_PAPER = Paper("Rafailov et al. 2023", "https://arxiv.org/abs/2305.18290")

FAMILIES: dict[str, Family] = {
    family.kind: family
    for family in (
        Family(
            "instruction",
            "Follow instructions",
            "Instruction tuning",
            "Learns to answer the way your examples do.",
        ),
        Family(
            "preference",
            "Prefer better answers",
            "Preference",
            "Learns which of two answers is the better one.",
        ),
        Family(
            "pretraining", "Read plain text", "Continued pretraining", "Learns the language of your texts."
        ),
    )
}

METHODS: dict[str, MethodCard] = {
    card.kind: card
    for card in (
        MethodCard(
            kind="sft",
            family="instruction",
            title="Follow instructions",
            subtitle="Instruction tuning",
            help="Learns to answer the way your examples do.",
            good_for="A style, a format, a task with known answers.",
            costs="One answer per row; the quickest method.",
            settings=SftSettings,
            rows="conversation",
            charts=(_LOSS,),
            code="engine.methods.supervised:supervised_loss",
            paper=Paper("Wei et al. 2022 (FLAN)", "https://arxiv.org/abs/2109.01652"),
        ),
        MethodCard(
            kind="dpo",
            family="preference",
            title="Direct preference",
            subtitle="DPO",
            help="Makes chosen answers likelier and rejected ones less, staying near the start.",
            good_for="Tone, safety and taste, from pairs of answers.",
            costs="Two answers per row and one look at the reference.",
            settings=DpoSettings,
            rows="preference",
            charts=_PREFERENCE_CHARTS,
            code="engine.methods.preference:preference_loss",
            paper=_DPO_PAPER,
            needs_reference=True,
        ),
        MethodCard(
            kind="dpo-reference-free",
            family="preference",
            title="Preference without a reference",
            subtitle="Reference-free DPO",
            help="Compares the two answers directly; nothing holds it near the model you began with.",
            good_for="Short runs, or when there is no sensible reference.",
            costs="Two answers per row, no reference.",
            settings=DpoReferenceFreeSettings,
            rows="preference",
            charts=_PREFERENCE_CHARTS,
            code="engine.methods.preference:preference_loss",
            paper=_DPO_PAPER,
        ),
        MethodCard(
            kind="pretrain",
            family="pretraining",
            title="Read plain text",
            subtitle="Continued pretraining",
            help="Learns the language of your texts.",
            good_for="A field's words and manner of writing.",
            costs="Every token is learned from.",
            settings=PretrainSettings,
            rows="text",
            charts=(_LOSS,),
            code="engine.methods.supervised:supervised_loss",
            paper=Paper("Gururangan et al. 2020", "https://arxiv.org/abs/2004.10964"),
        ),
    )
}
