"""The section of a job that says how long, how strongly and in what portions it learns."""

from dataclasses import dataclass

from engine.job.settings import setting


@dataclass(frozen=True)
class TrainSection:
    """[train]: how long, how strongly, in what portions."""

    epochs: float = setting(
        1.0,
        "How long",
        "How many times every row is seen.",
        term="epochs",
        above=0.0,
        high=1000.0,
        group="Steps",
    )
    steps: int | None = setting(
        None,
        "Exact number of corrections",
        "Overrides the epochs.",
        term="steps",
        low=1,
        auto="epochs",
        advanced=True,
        group="Steps",
    )
    batch_size: int = setting(
        16,
        "Rows per correction",
        "More is steadier and slower.",
        term="batch size",
        low=1,
        high=65536,
        group="Steps",
    )
    micro_batch: int | None = setting(
        None,
        "Rows at a time",
        "Fewer needs less memory, same result.",
        term="micro batch",
        low=1,
        auto="auto",
        advanced=True,
        group="Steps",
    )
    learning_rate: float = setting(
        2e-4,
        "How strongly",
        "The size of each correction.",
        term="learning rate",
        above=0.0,
        high=1.0,
        group="Optimizer",
    )
    schedule: str = setting(
        "cosine",
        "Change over time",
        "How the corrections grow smaller.",
        term="schedule",
        choices={"cosine": "Cosine, easing down", "linear": "Linear, down to zero", "constant": "Constant"},
        advanced=True,
        group="Optimizer",
    )
    warmup: float = setting(
        0.03,
        "Gentle start",
        "Part of the run with a rising rate.",
        term="warm-up",
        low=0.0,
        high=0.9,
        advanced=True,
        group="Optimizer",
    )
    weight_decay: float = setting(
        0.0,
        "Pull towards zero",
        "Keeps the weights from growing large.",
        term="weight decay",
        low=0.0,
        high=1.0,
        advanced=True,
        group="Optimizer",
    )
    clip: float = setting(
        1.0,
        "Largest correction",
        "Cuts off sudden jumps; 0 never cuts.",
        term="gradient clipping",
        low=0.0,
        high=1000.0,
        advanced=True,
        group="Optimizer",
    )
    beta1: float = setting(
        0.9,
        "Memory of the average",
        "Smooths the direction of the correction.",
        term="beta 1",
        low=0.0,
        high=0.9999,
        advanced=True,
        group="Optimizer",
    )
    beta2: float = setting(
        0.999,
        "Memory of the size",
        "Smooths the size of the correction.",
        term="beta 2",
        low=0.0,
        high=0.99999,
        advanced=True,
        group="Optimizer",
    )
    epsilon: float = setting(
        1e-8,
        "Smallest divisor",
        "Guards against division by nearly zero.",
        term="epsilon",
        above=0.0,
        high=1e-2,
        advanced=True,
        group="Optimizer",
    )
    checkpointing: str = setting(
        "auto",
        "Free the memory",
        "Computes layers again on the way back: less memory, up to a third slower.",
        term="recompute activations",
        choices={"auto": "If memory is short", "on": "All layers", "off": "Never"},
        advanced=True,
        group="Precision",
    )
    optimizer: str = setting(
        "auto",
        "Optimizer",
        "8 bits need a quarter of the memory, a little less exactly, and bitsandbytes.",
        term="AdamW",
        choices={
            "auto": "32 bits if they fit",
            "adamw": "32 bits (AdamW)",
            "adamw-8bit": "8 bits (AdamW)",
        },
        advanced=True,
        group="Optimizer",
    )
    step_in_backward: str = setting(
        "auto",
        "Correct weight by weight",
        "Keeps no gradients; sudden jumps are cut off in each weight by itself.",
        term="step in backward",
        choices={"auto": "If memory is short", "on": "Always", "off": "Never"},
        advanced=True,
        group="Optimizer",
    )
    offload: bool = setting(
        False,
        "Keep values in main memory",
        "Frees an NVIDIA card's memory while it computes other layers; slower.",
        term="offload activations",
        advanced=True,
        group="Precision",
    )
    fast: str = setting(
        "auto",
        "Faster ways",
        "Own code for layers and scores; proved right before each run.",
        term="fast paths",
        choices={"auto": "If they prove right", "off": "Off"},
        advanced=True,
        group="Precision",
    )
    seed: int = setting(
        42,
        "Seed",
        "The same seed gives the same order of rows.",
        low=0,
        high=2**31 - 1,
        advanced=True,
        group="Steps",
    )
