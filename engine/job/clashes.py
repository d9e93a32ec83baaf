"""Choices of a job that do not go together: refused in words, or resolved with a remark, before anything is loaded."""

import dataclasses

from engine.job.adapters import ADAPTERS
from engine.job.cards import AdapterCard
from engine.job.errors import JobError
from engine.job.job import Job
from engine.job.lora_settings import LoraSettings
from engine.job.moe_clashes import refuse_moe_clashes
from engine.job.words import check_new_tokens, learns_all_words


def refuse_clashes(job: Job) -> None:
    """Raise JobError, naming both fields, when two choices of the job exclude each other."""
    settings = job.adapter.settings
    card = ADAPTERS[job.adapter.kind]
    is_compressed = job.model.quantization != "none"
    is_pissa = isinstance(settings, LoraSettings) and settings.pissa
    if isinstance(settings, LoraSettings) and settings.dora and settings.pissa:
        title = (
            "'adapter.dora' and 'adapter.pissa' do not go together: both divide the weights in their own way."
        )
        raise JobError(title, "Switch one of them off.")
    refuse_moe_clashes(job)
    check_new_tokens(job.model.new_tokens)
    title, advice = adapter_problem(job, card)
    if title:
        raise JobError(title, advice)
    if is_compressed and is_pissa:
        title = (
            "'adapter.pissa' changes the model's own weights, which cannot be done while they are compressed."
        )
        raise JobError(title, "Switch PiSSA off, or set 'model.quantization' to 'none'.")


def adapter_problem(job: Job, card: AdapterCard) -> tuple[str, str]:
    """Why an adapter does not go with the rest of a job, and what can be done; both empty if it does."""
    if job.model.quantization != "none" and not card.can_quantize:
        title = f"{card.title} does not go with compressed weights ('model.quantization')."
        return title, "Choose LoRA, DoRA or bottlenecks, or set 'model.quantization' to 'none'."
    if learns_all_words(job) and not card.can_learn_words:
        title = (
            f"{card.title} leaves the model's word vectors alone, so they cannot learn ('method.embeddings')."
        )
        return title, "Choose LoRA or full training, or switch 'method.embeddings' off."
    if job.model.new_tokens and not (card.can_add_tokens or learns_all_words(job)):
        title = f"{card.title} cannot learn new tokens ('model.new_tokens')."
        return title, "Choose LoRA, DoRA or full training, or remove the new tokens."
    return "", ""


def resolved(job: Job) -> tuple[Job, tuple[str, ...]]:
    """The job as it can be done, and a sentence for everything that was changed. Raises as `refuse_clashes`."""
    refuse_clashes(job)
    card = ADAPTERS[job.adapter.kind]
    if job.train.checkpointing == "on" and not card.can_recompute:
        words = f"Activations are kept: {card.title} does not work while they are recomputed."
        return dataclasses.replace(job, train=dataclasses.replace(job.train, checkpointing="off")), (words,)
    return job, ()
