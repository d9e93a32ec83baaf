"""The methods' cards, by kind. Instruction tuning and pretraining stand here, each other family in its own file.

A new method is one settings dataclass, one card, and one function that the card's `code` names.
"""

from dataclasses import dataclass

from engine.job.cards import Family, MethodCard, Paper
from engine.job.feedback_methods import FEEDBACK_METHODS, BcoSettings, KtoSettings
from engine.job.method_fields import LOSS
from engine.job.preference_methods import PREFERENCE_METHODS
from engine.job.preference_settings import DpoReferenceFreeSettings, DpoSettings
from engine.job.settings import setting

__all__ = [
    "FAMILIES",
    "METHODS",
    "BcoSettings",
    "DpoReferenceFreeSettings",
    "DpoSettings",
    "KtoSettings",
    "PretrainSettings",
    "SftSettings",
]


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
    neftune: float = setting(
        0.0,
        "Noise on the words",
        "Random noise on the word vectors while learning; 5 often makes answers fuller. 0 is none.",
        term="NEFTune alpha",
        low=0.0,
        high=100.0,
        advanced=True,
        group="Method",
    )


@dataclass(frozen=True)
class PretrainSettings:
    """Continued pretraining: cross-entropy of every token.

    `embedding_rate` is a tenth by itself: the usual rate of an adapter is ten times that of whole weights, and word
    vectors are whole weights.
    """

    embeddings: bool = setting(
        False,
        "Learn the words themselves",
        "Also trains every word vector, for a new language or a field's own terms; needs much memory.",
        term="embeddings",
        advanced=True,
        group="Method",
    )
    embedding_rate: float = setting(
        0.1,
        "How strongly, for the words",
        "Share of the learning rate for word vectors: an adapter bears ten times the rate that they do.",
        term="embedding rate",
        above=0.0,
        high=1.0,
        advanced=True,
        group="Method",
    )


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
            "feedback",
            "Learn from thumbs",
            "Feedback",
            "Learns from answers that were called good or bad.",
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
            charts=(LOSS,),
            code="engine.methods.supervised:supervised_loss",
            paper=Paper("Wei et al. 2022 (FLAN)", "https://arxiv.org/abs/2109.01652"),
        ),
        *PREFERENCE_METHODS,
        *FEEDBACK_METHODS,
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
            charts=(LOSS,),
            code="engine.methods.supervised:supervised_loss",
            paper=Paper("Gururangan et al. 2020", "https://arxiv.org/abs/2004.10964"),
        ),
    )
}
