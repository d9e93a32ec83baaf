"""Settings of the adapters that are not products of matrices: prompts, bottlenecks, and parts of the model itself."""

from dataclasses import dataclass
from typing import Any

from engine.job.lora_settings import GROUP
from engine.job.settings import setting


def virtual_tokens_setting(default: int) -> Any:  # Any: a dataclass field
    """How many learned positions stand before the text."""
    return setting(
        default,
        "Learned positions",
        "Invisible tokens before every text.",
        term="virtual tokens",
        low=1,
        high=1024,
        group=GROUP,
    )


@dataclass(frozen=True)
class PrefixSettings:
    """Learned keys and values before the text, in every layer."""

    virtual_tokens: int = virtual_tokens_setting(16)
    projection: bool = setting(
        False,
        "Learn through a small network",
        "Steadier, with many more trained weights.",
        term="prefix projection",
        advanced=True,
        group=GROUP,
    )


@dataclass(frozen=True)
class PromptSettings:
    """Learned embeddings before the text."""

    virtual_tokens: int = virtual_tokens_setting(16)


@dataclass(frozen=True)
class PTuningSettings:
    """Learned embeddings before the text, written by a small network."""

    virtual_tokens: int = virtual_tokens_setting(16)
    encoder_width: int = setting(
        128,
        "Width of the network",
        "Hidden units of the network that writes the learned positions.",
        term="encoder width",
        low=1,
        high=8192,
        advanced=True,
        group=GROUP,
    )


@dataclass(frozen=True)
class BottleneckSettings:
    """Small networks behind the model's own layers."""

    width: int = setting(
        64,
        "Bottleneck",
        "Width of the small networks; wider can learn more.",
        term="width",
        low=1,
        high=8192,
        group=GROUP,
    )
    placement: str = setting(
        "houlsby",
        "Where",
        "Behind which part of each layer a small network stands.",
        term="placement",
        choices={
            "houlsby": "After attention and feed-forward (Houlsby)",
            "pfeiffer": "After feed-forward only (Pfeiffer)",
        },
        advanced=True,
        group=GROUP,
    )
    activation: str = setting(
        "relu",
        "Bend",
        "The function between the two matrices of a small network.",
        term="activation",
        choices={"relu": "ReLU", "gelu": "GELU", "silu": "SiLU"},
        advanced=True,
        group=GROUP,
    )


@dataclass(frozen=True)
class LayerNormSettings:
    """The scales of the normalisation layers; there is nothing to choose."""


@dataclass(frozen=True)
class FreezeSettings:
    """The last layers are trained, the rest stays."""

    trained_layers: int = setting(
        2,
        "Layers trained",
        "The last layers of the model learn, the others stay as they are.",
        term="layers",
        low=1,
        high=1000,
        group=GROUP,
    )


@dataclass(frozen=True)
class FullSettings:
    """Full fine-tuning: every weight is trained."""
