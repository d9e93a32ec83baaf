"""The sections of a job that every run has: data, rows, saving, watch, device; model and train have their own files."""

from dataclasses import dataclass

from engine.job.model_section import STARTER, ModelSection
from engine.job.settings import setting
from engine.job.train_section import TrainSection

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
    prefix_sharing: str = setting(
        "auto",
        "Read a pair's prompt once",
        "The prompt of two answers goes through the model once for both; the result is the same.",
        term="prefix sharing",
        choices={"auto": "Where the model can", "off": "Off"},
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
