"""Settings of the ways to work with experts: the `[moe]` section, a dataclass for each card of `moe.py`."""

from dataclasses import dataclass
from typing import Any

from engine.job.settings import setting

GROUP = "Experts"
ROUTER = "Router"
COUNTS = (2, 4, 8)
"""How many experts a layer may have: runtimes such as llama.cpp want a power of two."""


def experts_setting() -> Any:  # Any: a dataclass field
    """How many experts each layer has."""
    return setting(
        4,
        "Experts",
        "How many experts each layer has: 2, 4 or 8.",
        term="experts",
        low=2,
        high=8,
        group=GROUP,
    )


def top_k_setting() -> Any:  # Any: a dataclass field
    """How many of them each token goes through. 1 is refused with its reason, not as out of range."""
    return setting(
        2,
        "Experts for each token",
        "How many experts each token goes through; at least 2.",
        term="top k",
        low=1,
        high=8,
        group=GROUP,
    )


def balance_setting() -> Any:  # Any: a dataclass field
    """The weight of the balance loss."""
    return setting(
        0.01,
        "Even use of experts",
        "Higher spreads the tokens more evenly over the experts; 0 leaves them as they fall.",
        term="balance loss",
        low=0.0,
        high=1.0,
        group=ROUTER,
    )


def z_loss_setting() -> Any:  # Any: a dataclass field
    """The weight of the router z-loss (Zoph et al. 2022, equation 5)."""
    return setting(
        0.0,
        "Small router scores",
        "Keeps the router's scores small, so that 16-bit numbers choose alike; 0.001 is usual.",
        term="router z-loss",
        low=0.0,
        high=1.0,
        advanced=True,
        group=ROUTER,
    )


def router_noise_setting() -> Any:  # Any: a dataclass field
    """How much chance the router has early on."""
    return setting(
        0.0,
        "Chance at the start",
        "Adds chance to the router's scores early on, so that every expert is tried.",
        term="router noise",
        low=0.0,
        high=10.0,
        advanced=True,
        group=ROUTER,
    )


def noise_share_setting() -> Any:  # Any: a dataclass field
    """For how much of the run."""
    return setting(
        0.1,
        "Chance until",
        "The share of the run that has chance in the router.",
        term="noise share",
        above=0.0,
        high=1.0,
        advanced=True,
        group=ROUTER,
    )


@dataclass(frozen=True)
class KeepSettings:
    """The model stays as it is. The fields are for a model that has experts already."""

    train_router: bool = setting(
        False,
        "Train the router",
        "For models that have experts: also learn which expert a token goes to.",
        term="train router",
        advanced=True,
        group=ROUTER,
    )
    balance: float = balance_setting()
    z_loss: float = z_loss_setting()
    router_noise: float = router_noise_setting()
    noise_share: float = noise_share_setting()


@dataclass(frozen=True)
class LoraExpertsSettings:
    """Small experts in each feed-forward part, one shared LoRA on attention. Sizes are those of `[adapter]`."""

    experts: int = experts_setting()
    top_k: int = top_k_setting()
    balance: float = balance_setting()
    z_loss: float = z_loss_setting()
    router_noise: float = router_noise_setting()
    noise_share: float = noise_share_setting()


@dataclass(frozen=True)
class UpcycleSettings:
    """Whole copies of each feed-forward part, and a new router.

    With `[adapter] kind = "full"` what `learns` names is trained; with LoRA it stands on top of the new model.
    """

    experts: int = experts_setting()
    top_k: int = top_k_setting()
    learns: str = setting(
        "experts",
        "What learns",
        "With full training: the experts and the router alone, or everything.",
        term="learns",
        choices={"experts": "Experts and router", "all": "Every weight"},
        group=GROUP,
    )
    copy_noise: float = setting(
        0.0,
        "Difference between copies",
        "Random change of each copy, as a share of its weights' size; the start then differs from the model.",
        term="noise on copies",
        low=0.0,
        high=0.5,
        advanced=True,
        group=GROUP,
    )
    balance: float = balance_setting()
    z_loss: float = z_loss_setting()
    router_noise: float = router_noise_setting()
    noise_share: float = noise_share_setting()


@dataclass(frozen=True)
class AssembleSettings:
    """Experts taken from several fine-tuned models of one base; the job's model is the base."""

    sources: tuple[str, ...] = setting(
        (),
        "Models",
        "The fine-tuned models that become experts: folders, hub names or runs, 2, 4 or 8 of them.",
        term="sources",
        group=GROUP,
    )
    prompts: tuple[str, ...] = setting(
        (),
        "Prompts of each model",
        "A text file with prompts for each model, in the same order, one prompt a line.",
        term="prompts",
        group=GROUP,
    )
    top_k: int = top_k_setting()
    learns: str = setting(
        "router",
        "What learns",
        "With full training: the router alone, or the experts as well.",
        term="learns",
        choices={"router": "Router", "experts": "Experts and router"},
        group=GROUP,
    )
    balance: float = balance_setting()
    z_loss: float = z_loss_setting()
    router_noise: float = router_noise_setting()
    noise_share: float = noise_share_setting()
