"""How figures are said: times, rates, sizes, runs. Used by several pages."""

from pathlib import Path

from PySide6.QtCore import QLocale

from engine.job.adapters import ADAPTERS
from engine.job.job import Job
from engine.job.moe_settings import AssembleSettings, LoraExpertsSettings, UpcycleSettings
from engine.job.sections import STARTER
from engine.library.arithmetic import time_words
from engine.library.runs import source_words


def size_words(size: float) -> str:
    """Bytes as a person reads them."""
    locale = QLocale()
    if size >= 1e9:
        return f"{locale.toString(size / 1e9, 'f', 1)} GB"
    if size >= 1e6:
        return f"{locale.toString(size / 1e6, 'f', 1 if size < 1e7 else 0)} MB"
    return f"{locale.toString(size / 1e3, 'f', 0)} kB"


def memory_words(need: float, free: float) -> str:
    """That something does not fit: "Needs 8.1 GB, 6.1 GB free."."""
    return f"Needs {size_words(need)}, {size_words(free)} free."


def span_words(seconds: tuple[float, float] | None) -> str:
    """About how long, from the lowest and the highest guess; empty when it is not known."""
    if seconds is None:
        return ""
    low, high = (time_words(value) for value in seconds)
    return f"about {high}" if low == high else f"{low} to {high}"


def number_words(value: float | None, digits: int = 3) -> str:
    """A figure such as a loss; a dash when there is none."""
    if value is None:
        return "–"
    return QLocale().toString(float(value), "f", digits)


def rate_words(value: float) -> str:
    """A learning rate: "1.7e-4"."""
    mantissa, _, exponent = f"{value:.1e}".partition("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}" if value else "0"


def capital(words: str) -> str:
    """The words as the beginning of a line."""
    return f"{words[:1].upper()}{words[1:]}"


def count_words(value: float) -> str:
    """A whole number with its groups."""
    return QLocale().toString(round(value))


def share_words(share: float, *, exact: bool = False) -> str:
    """A share as "12 %"; `exact` with a decimal where it has one: "12.5 %"."""
    digits = 1 if exact and round(1000 * share) % 10 else 0
    return f"{QLocale().toString(100 * share, 'f', digits)} %"


def parameters_words(count: int) -> str:
    """Such as "2.0 million" or "1.7 billion"."""
    if count >= 1e9:
        return f"{QLocale().toString(count / 1e9, 'f', 1)} billion"
    if count >= 1e6:
        digits = 1 if count < 1e7 else 0
        return f"{QLocale().toString(count / 1e6, 'f', digits)} million"
    return count_words(count)


def model_words(job: Job) -> str:
    """The model's short name."""
    return "Starter" if job.model.source == STARTER else source_words(job.model.source)


def part_words(job: Job) -> str:
    """The part that changes, such as "LoRA rank 16"."""
    adapter = ADAPTERS[job.adapter.kind].title
    rank = getattr(job.adapter.settings, "rank", None)
    return f"{adapter} rank {rank}" if rank else adapter


def split_words(job: Job) -> str:
    """How the model is split, such as "8 small experts, 2 per token"; "" where it is not."""
    settings = job.moe.settings
    match settings:
        case LoraExpertsSettings():
            return f"{settings.experts} small experts, {settings.top_k} per token"
        case UpcycleSettings():
            return f"{settings.experts} full experts, {settings.top_k} per token"
        case AssembleSettings():
            return f"assembled from {len(settings.sources)} models, {settings.top_k} per token"
        case _:
            return ""


def how_words(job: Job) -> str:
    """Such as "LoRA rank 16", with the experts behind it, or "mixture of LoRA experts, 8 experts, 2 per token"."""
    settings = job.moe.settings
    if isinstance(settings, LoraExpertsSettings):
        return f"mixture of LoRA experts, {settings.experts} experts, {settings.top_k} per token"
    return ", ".join(filter(None, (part_words(job), split_words(job))))


def method_words(job: Job) -> str:
    """How it changes, with the preference method behind it."""
    words = how_words(job)
    if job.method.kind == "sft":
        return words
    beta = getattr(job.method.settings, "beta", None)
    method = job.method_card.subtitle + (f", beta {beta:g}" if beta is not None else "")
    return f"{words} · {method}"


def data_words(job: Job) -> str:
    """The data files' names."""
    return ", ".join(Path(source.path).name for source in job.data)


def job_words(job: Job) -> str:
    """One line about a job."""
    return " · ".join(part for part in (model_words(job), method_words(job), data_words(job)) if part)
