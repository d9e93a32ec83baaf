"""Prompts to compare with: watched ones, rows that were kept back from training, and those asked before."""

from engine.data.dataset import open_rows, split
from engine.data.rows import Conversation, Feedback, Preference
from engine.job.errors import EngineError
from engine.job.job import Job

MOST_PROMPTS = 200


def watched_prompts(job: Job) -> list[str]:
    """The prompts that the run watched."""
    return list(job.watch.prompts)


def held_out_prompts(job: Job) -> list[str]:
    """First user messages of the rows that training never saw; empty when they cannot be read any more.

    Takes as long as reading the file: call it in the background.
    """
    try:
        rows = open_rows(job.data, job.method_card.rows, section=job.rows).rows
        _, held = split(rows, job.rows.validation, job.train.seed)
    except EngineError:
        return []
    prompts: dict[str, None] = {}
    for row in held:
        text = _first_user_text(row)
        if text:
            prompts[text] = None
        if len(prompts) >= MOST_PROMPTS:
            break
    return list(prompts)


def _first_user_text(row: object) -> str:
    messages = (
        row.messages
        if isinstance(row, Conversation)
        else row.prompt
        if isinstance(row, Preference | Feedback)
        else ()
    )
    return next((message.content for message in messages if message.role == "user"), "")
