"""Which prompts an export is tried with: the run's watched ones, then those of the rows it kept back."""

from collections.abc import Collection, Iterator, Sequence
from itertools import chain

from engine.data.dataset import open_rows, split
from engine.data.rows import Conversation, Feedback, Message, Preference, Row, Text
from engine.job.errors import DataError
from engine.job.job import Job
from engine.models.generate import Prompt

MOST = 12
_OPENING_WORDS = 6  # of a running text, to be continued
_ANY = ("Hello.", "What can you do?", "Tell me something.")


def trial_prompts(job: Job, controls: Collection[str] = (), most: int = MOST) -> list[Prompt]:
    """At most `most` different prompts. Where the data is gone and nothing is watched, a few plain ones.

    Those that hold one of `controls`, what the model's control tokens look like, are passed over: we take it for
    text, as in training, and others who open the export for a token.
    """
    found: dict[str, Prompt] = {}
    for prompt in chain(job.watch.prompts, _held_out(job)):
        if len(found) == most:
            break
        if not any(control in text for text in _texts(prompt) for control in controls):
            found.setdefault(words_of(prompt), prompt)
    return list(found.values()) or list(_ANY)


def words_of(prompt: Prompt) -> str:
    """What was asked last, as plain text."""
    return prompt if isinstance(prompt, str) else prompt[-1]["content"]


def _texts(prompt: Prompt) -> list[str]:
    return [prompt] if isinstance(prompt, str) else [message["content"] for message in prompt]


def _held_out(job: Job) -> Iterator[Prompt]:
    try:
        rows = open_rows(job.data, job.method_card.rows, job.method_card.title, job.rows).rows
    except DataError:  # the file was moved or changed since: the run itself is whole
        return
    train, validation = split(rows, job.rows.validation, job.train.seed)
    yield from map(_prompt, chain(validation, train))


def _prompt(row: Row) -> Prompt:
    match row:
        case Conversation(messages=messages):
            answer = next(i for i, message in enumerate(messages) if message.role == "assistant")
            return _plain(messages[:answer])
        case Preference(prompt=prompt) | Feedback(prompt=prompt):
            return _plain(prompt)
        case Text(text=text):
            return " ".join(text.split()[:_OPENING_WORDS])


def _plain(messages: Sequence[Message]) -> Prompt:
    """One question stays a text, as Compare asks it."""
    if len(messages) == 1 and messages[0].role == "user":
        return messages[0].content
    return [{"role": message.role, "content": message.content} for message in messages]
