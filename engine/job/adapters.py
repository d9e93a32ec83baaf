"""What part of the model changes, and whether it is split into experts: settings and cards."""

from dataclasses import dataclass

from engine.job.cards import AdapterCard, MoeCard, Paper
from engine.job.settings import setting


@dataclass(frozen=True)
class LoraSettings:
    """Low-rank adaptation."""

    rank: int = setting(
        16, "Adapter size", "Larger can learn more.", term="rank", low=1, high=1024, group="LoRA"
    )
    alpha: float = setting(
        32.0,
        "Adapter weight",
        "The adapter is scaled by alpha / rank.",
        term="alpha",
        above=0.0,
        high=4096.0,
        advanced=True,
        group="LoRA",
    )
    dropout: float = setting(
        0.0,
        "Forgetting",
        "Share of the adapter's inputs left out at random.",
        term="dropout",
        low=0.0,
        high=0.9,
        advanced=True,
        group="LoRA",
    )
    targets: str = setting(
        "all-linear",
        "Where",
        "Which layers get an adapter.",
        term="targets",
        choices={
            "all-linear": "All linear layers",
            "attention": "Attention only",
            "mlp": "Feed-forward only",
        },
        advanced=True,
        group="LoRA",
    )


@dataclass(frozen=True)
class FullSettings:
    """Full fine-tuning: every weight is trained."""


@dataclass(frozen=True)
class DenseSettings:
    """The model stays dense."""


ADAPTERS: dict[str, AdapterCard] = {
    card.kind: card
    for card in (
        AdapterCard(
            kind="lora",
            title="LoRA",
            subtitle="Low-rank adapter",
            help="Small and quick, easy to undo.",
            settings=LoraSettings,
            code="engine.models.adapters:add_lora",
            paper=Paper("Hu et al. 2021", "https://arxiv.org/abs/2106.09685"),
            recommended=True,
        ),
        AdapterCard(
            kind="full",
            title="Full",
            subtitle="Every weight",
            help="Changes the whole model; needs the most memory.",
            settings=FullSettings,
            code="engine.models.adapters:train_all",
            paper=Paper("Howard and Ruder 2018", "https://arxiv.org/abs/1801.06146"),
        ),
    )
}

MOE: dict[str, MoeCard] = {
    "none": MoeCard("none", "Keep it as it is", "Dense", "The right choice for most runs.", DenseSettings)
}
