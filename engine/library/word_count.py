"""What a job's words take: rows for its new tokens, the numbers that learn in word vectors, and memory for them."""

from dataclasses import replace

from engine.job.adapters import ADAPTERS
from engine.job.job import Job
from engine.job.words import learns_all_words
from engine.library.model_folder import ModelInfo
from engine.library.tokenizer_files import first_free

# Bytes for each number of one matrix, beside weights, gradients and moments that are kept: gradients that wait to be
# added up, and in narrow numbers the head in those. By whether one matrix reads and writes, and the bytes of a number
# of the model; measured with torch 2.13 on a processor, 128,000 words of 512 numbers, two portions an update.
_PASSING = {(True, 4): 12, (False, 4): 4, (True, 2): 8, (False, 2): 6}


def with_new_tokens(job: Job, model: ModelInfo) -> ModelInfo:
    """The model as it is with the job's new tokens; the same again for one that has them already."""
    if not job.model.new_tokens:
        return model
    free = first_free(model.folder) or model.vocab
    rows = max(model.vocab, free + len(job.model.new_tokens))
    grown = (rows - model.vocab) * model.hidden * _matrices(model)
    return replace(model, vocab=rows, parameters=model.parameters + grown)


def words_count(job: Job, model: ModelInfo) -> int:
    """Numbers of word vectors that learn beside what the adapter counts; `model` has its new tokens."""
    if job.adapter.kind == "full":
        return 0
    rows = model.vocab if learns_all_words(job) else len(job.model.new_tokens)
    return rows * model.hidden * _matrices(model)


def words_written_twice(job: Job, model: ModelInfo) -> int:
    """Numbers that PEFT's format holds a second time: one matrix that reads and writes stands in it as two."""
    is_twice = learns_all_words(job) and model.tied and ADAPTERS[job.adapter.kind].saves == "peft"
    return words_count(job, model) if is_twice else 0


def words_bytes(job: Job, model: ModelInfo, width: int) -> int:
    """Memory that learning words takes for moments; `width` is the bytes of a number of the model.

    For new tokens: the head with their rows in place, kept for the way back, and its gradient.
    """
    if words_count(job, model) == 0:
        return 0
    each = _PASSING[model.tied, width] if learns_all_words(job) else 2 * width
    return model.vocab * model.hidden * each


def _matrices(model: ModelInfo) -> int:
    return 1 if model.tied else 2
