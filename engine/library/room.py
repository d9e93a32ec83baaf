"""How long a row may be: the job's own limit, or the positions that the model and the adapter leave for it."""

import dataclasses

from engine.job.adapters import ADAPTERS
from engine.job.errors import JobError
from engine.job.job import Job
from engine.library.model_folder import ModelInfo
from engine.library.trained_count import virtual_positions

_SMALLEST = 8  # tokens; as the smallest 'rows.max_tokens'


def longest_row(job: Job, model: ModelInfo) -> int:
    """Where rows are cut, in tokens: at the job's `rows.max_tokens`, or earlier where the model has no more room.

    Learned positions stand before every text and take room from it. Raises JobError when they leave none.
    """
    if not model.context:  # the model names no number of positions
        return job.rows.max_tokens
    taken = virtual_positions(job.adapter.settings)
    if model.context - taken < _SMALLEST:
        title = (
            f"{ADAPTERS[job.adapter.kind].title} puts {taken:,} learned positions before every text, and the model "
            f"has {model.context:,} in all: no room is left for a text."
        )
        raise JobError(title, f"Set 'adapter.virtual_tokens' to {model.context // 2:,} or fewer.")
    return min(job.rows.max_tokens, model.context - taken)


def fitted(job: Job, model: ModelInfo) -> tuple[Job, str]:
    """The job with its rows cut where the model's room ends, and a sentence about it; "" where nothing changes."""
    longest = longest_row(job, model)
    if longest == job.rows.max_tokens:
        return job, ""
    taken = virtual_positions(job.adapter.settings)
    title = ADAPTERS[job.adapter.kind].title
    why = f", of which {title} takes {taken:,}" if taken else ""
    words = f"Rows are cut at {longest:,} tokens: the model has {model.context:,} positions{why}."
    return dataclasses.replace(job, rows=dataclasses.replace(job.rows, max_tokens=longest)), words
