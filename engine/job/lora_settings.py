"""Settings of the adapters that add a product of small matrices to a model's own: LoRA and its kin."""

from dataclasses import dataclass
from typing import Any

from engine.job.settings import setting

GROUP = "Adapter"
TARGETS = {"all-linear": "All linear layers", "attention": "Attention only", "mlp": "Feed-forward only"}


def targets_setting() -> Any:  # Any: a dataclass field
    """Which layers get an adapter, by name of a set that the engine works out for the model."""
    return setting(
        "all-linear",
        "Where",
        "Which layers get an adapter.",
        term="targets",
        choices=TARGETS,
        advanced=True,
        group=GROUP,
    )


def names_setting() -> Any:  # Any: a dataclass field
    """Layers by their own names, instead of a set."""
    return setting(
        (),
        "Only these layers",
        "Names of layers such as q_proj | v_proj, instead of the choice above.",
        term="target names",
        advanced=True,
        group=GROUP,
    )


def rank_setting(default: int, high: int = 1024) -> Any:  # Any: a dataclass field
    """The size of the two small matrices."""
    return setting(
        default, "Adapter size", "Larger can learn more.", term="rank", low=1, high=high, group=GROUP
    )


def alpha_setting(default: float) -> Any:  # Any: a dataclass field
    """How strongly the adapter counts beside the model's own weights."""
    return setting(
        default,
        "Adapter weight",
        "The adapter is scaled by alpha / rank.",
        term="alpha",
        above=0.0,
        high=4096.0,
        advanced=True,
        group=GROUP,
    )


def dropout_setting() -> Any:  # Any: a dataclass field
    """Random forgetting while training."""
    return setting(
        0.0,
        "Forgetting",
        "Share of the adapter's inputs left out at random.",
        term="dropout",
        low=0.0,
        high=0.9,
        advanced=True,
        group=GROUP,
    )


@dataclass(frozen=True)
class _LowRank:
    """What LoRA and DoRA share."""

    rank: int = rank_setting(16)
    alpha: float = alpha_setting(32.0)
    dropout: float = dropout_setting()
    targets: str = targets_setting()
    names: tuple[str, ...] = names_setting()
    attention_rank: int | None = setting(
        None,
        "Size in attention",
        "Another adapter size for attention layers.",
        term="attention rank",
        low=1,
        high=1024,
        auto="same",
        advanced=True,
        group=GROUP,
    )
    mlp_rank: int | None = setting(
        None,
        "Size in feed-forward",
        "Another adapter size for feed-forward layers.",
        term="mlp rank",
        low=1,
        high=1024,
        auto="same",
        advanced=True,
        group=GROUP,
    )
    rslora: bool = setting(
        False,
        "Steadier for large sizes",
        "Scales by alpha / √rank instead, so that a larger adapter does not learn more slowly.",
        term="rsLoRA",
        advanced=True,
        group=GROUP,
    )
    b_rate: float = setting(
        1.0,
        "Faster second matrix",
        "How many times the learning rate of A matrix B has; 16 is LoRA+.",
        term="LoRA+",
        low=1.0,
        high=1000.0,
        advanced=True,
        group=GROUP,
    )


@dataclass(frozen=True)
class LoraSettings(_LowRank):
    """Low-rank adaptation."""

    dora: bool = setting(
        False,
        "Size and direction apart",
        "Learns the length of each weight row beside its direction; slower.",
        term="DoRA",
        advanced=True,
        group=GROUP,
    )
    pissa: bool = setting(
        False,
        "Start from the strongest part",
        "Starts with the main directions of the weights instead of zero; learns faster.",
        term="PiSSA",
        advanced=True,
        group=GROUP,
    )


@dataclass(frozen=True)
class DoraSettings(_LowRank):
    """Weight-decomposed low-rank adaptation."""


@dataclass(frozen=True)
class LohaSettings:
    """Hadamard product of two low-rank products."""

    rank: int = rank_setting(16)
    alpha: float = alpha_setting(16.0)
    targets: str = targets_setting()
    names: tuple[str, ...] = names_setting()


@dataclass(frozen=True)
class LokrSettings:
    """Kronecker product, one factor low-rank."""

    rank: int = rank_setting(16)
    alpha: float = alpha_setting(16.0)
    targets: str = targets_setting()
    names: tuple[str, ...] = names_setting()


@dataclass(frozen=True)
class OftSettings:
    """Orthogonal fine-tuning: rotations in blocks."""

    block_size: int = setting(
        32,
        "Block size",
        "Inputs that are rotated together; taken smaller where a layer does not divide by it.",
        term="block size",
        low=2,
        high=1024,
        group=GROUP,
    )
    targets: str = targets_setting()
    names: tuple[str, ...] = names_setting()


@dataclass(frozen=True)
class VeraSettings:
    """Shared random matrices, scaled by learned vectors."""

    shared_rank: int = setting(
        256,
        "Adapter size",
        "Size of the random matrices that all layers share.",
        term="rank",
        low=1,
        high=4096,
        group=GROUP,
    )
    dropout: float = dropout_setting()
    targets: str = targets_setting()
    names: tuple[str, ...] = names_setting()


@dataclass(frozen=True)
class Ia3Settings:
    """Learned scales of keys, values and feed-forward activations; there is nothing to choose."""
