"""The sections of a job that every run has: data, rows, train, saving, watch, device; the model's has its own file."""

from dataclasses import dataclass

from engine.job.model_section import STARTER, ModelSection
from engine.job.settings import setting

__all__ = [
    "STARTER",
    "DataSource",
    "DeviceSection",
    "ModelSection",
    "RowsSection",
    "SavingSection",
    "TrainSection",
    "WatchSection",
]


@dataclass(frozen=True)
class DataSource:
    """[[data]]: one file, folder or hub dataset of examples."""

    path: str = setting(
        "",
        "File",
        "A file or folder with the examples, or a Hugging Face dataset such as org/name.",
        term="path",
    )
    shape: str = setting(
        "auto",
        "Kind of rows",
        "What one row holds.",
        term="shape",
        choices={
            "auto": "Automatic",
            "instruction": "Question and answer",
            "messages": "Conversation",
            "preference": "Two answers, one preferred",
            "feedback": "An answer with thumbs up or down",
            "text": "Plain text",
        },
    )
    columns: dict[str, str] = setting(
        {}, "Columns", "Role of each column with an unusual name: prompt = 'my_column'.", term="columns"
    )
    split: str | None = setting(
        None, "Split", "Which split of a dataset folder.", term="split", advanced=True
    )
    subset: str | None = setting(
        None, "Subset", "Which part of a hub dataset that has several.", term="subset", advanced=True
    )
    revision: str | None = setting(
        None, "Version", "Branch, tag or commit of a hub dataset.", term="revision", advanced=True
    )
    weight: float = setting(
        1.0, "Weight", "How often these rows come up beside the other files' rows.", above=0.0, high=100.0
    )
    limit: int | None = setting(None, "At most", "Use only the first rows.", unit="rows", low=1)


@dataclass(frozen=True)
class RowsSection:
    """[rows]: what is made of the examples."""

    max_tokens: int = setting(
        1024, "Longest row", "Longer rows are cut.", term="max tokens", low=8, high=1_000_000, group="Text"
    )
    validation: float = setting(
        0.1,
        "Kept back for checking",
        "Share of the prompts that is never trained on.",
        term="validation",
        low=0.0,
        high=0.5,
        group="Text",
    )
    train_on: str = setting(
        "answers",
        "Learn from",
        "Which part of a conversation is learned.",
        term="train on",
        choices={"answers": "All answers", "last-answer": "The last answer", "everything": "Everything"},
        advanced=True,
        group="Text",
    )
    packing: str = setting(
        "auto",
        "Rows one after another",
        "Rows go through the model one after another instead of padded to one length; the result is the same.",
        term="packing",
        choices={"auto": "Where it is faster", "on": "Wherever the model can", "off": "Off"},
        advanced=True,
        group="Text",
    )
    template: str = setting(
        "auto",
        "Chat template",
        "How a conversation is written for the model: 'auto' takes the model's own, or one that fits its tokens.",
        term="template",
        choices={
            "auto": "The model's own",
            "chatml": "ChatML",
            "llama3": "Llama 3",
            "gemma": "Gemma",
            "mistral": "Mistral",
            "zephyr": "Zephyr",
            "alpaca": "Alpaca",
            "plain": "Plain roles",
        },
        advanced=True,
        group="Text",
    )
    malformed: str = setting(
        "stop",
        "Malformed lines",
        "What happens to a line that is no usable row; skipped ones are listed.",
        term="malformed",
        choices={"stop": "Stop and tell", "skip": "Skip and list"},
        advanced=True,
        group="Text",
    )
    duplicates: str = setting(
        "keep",
        "Equal rows",
        "Rows that say the same as an earlier one.",
        term="duplicates",
        choices={"keep": "Keep all", "drop": "Keep the first"},
        advanced=True,
        group="Text",
    )
    too_long: str = setting(
        "cut",
        "Rows that are too long",
        "What is left out of a row beyond the limit; running text is divided instead of cut or trimmed.",
        term="too long",
        choices={
            "cut": "Cut, the end of the answer last",
            "trim": "Trim the prompt, never the answer",
            "drop": "Leave the row out",
        },
        advanced=True,
        group="Text",
    )


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
    checkpointing: bool = setting(
        False,
        "Free the memory",
        "Slower by about a third, needs far less memory.",
        term="recompute activations",
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


@dataclass(frozen=True)
class SavingSection:
    """[saving]: checkpoints."""

    every_minutes: float = setting(
        5.0,
        "Save every",
        "Time between checkpoints.",
        unit="minutes",
        above=0.0,
        high=1440.0,
        advanced=True,
        group="Checking and saving",
    )
    keep: int = setting(
        2,
        "Checkpoints kept",
        "Older ones are removed.",
        low=1,
        high=1000,
        advanced=True,
        group="Checking and saving",
    )
    best: bool = setting(
        True,
        "Keep the best",
        "Also keep the checkpoint with the lowest validation loss.",
        advanced=True,
        group="Checking and saving",
    )


@dataclass(frozen=True)
class WatchSection:
    """[watch]: what is looked at while training."""

    evaluate_every: int | None = setting(
        None,
        "Check every",
        "Steps between checks on the rows kept back.",
        unit="steps",
        low=1,
        auto="auto",
        advanced=True,
        group="Checking and saving",
    )
    sample_every: int | None = setting(
        None,
        "Sample every",
        "Steps between live samples.",
        unit="steps",
        low=1,
        auto="auto",
        advanced=True,
        group="Checking and saving",
    )
    prompts: tuple[str, ...] = setting(
        (),
        "Watched prompts",
        "Answered again and again while training.",
        term="prompts",
        group="Checking and saving",
    )
    sample_tokens: int = setting(
        64,
        "Longest sample",
        "Where a live sample is cut.",
        unit="tokens",
        low=1,
        high=4096,
        advanced=True,
        group="Checking and saving",
    )


@dataclass(frozen=True)
class DeviceSection:
    """[device]: where it runs."""

    kind: str = setting(
        "auto",
        "Device",
        "What does the computing.",
        choices={"auto": "Automatic", "cuda": "NVIDIA GPU", "mps": "Apple GPU", "cpu": "Processor"},
        advanced=True,
        group="Precision",
    )
    threads: int | None = setting(
        None,
        "Processor cores used",
        "How many cores the engine takes.",
        term="threads",
        low=1,
        high=1024,
        auto="auto",
        advanced=True,
        group="Precision",
    )
