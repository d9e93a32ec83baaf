"""A job's data, ready to train on: read, tokenised by the model's template, split, counted."""

import time
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.dataset import open_rows, split
from engine.data.rows import Conversation, Message, Preference, Row, Text
from engine.job.channel import Desk
from engine.job.errors import DataError
from engine.job.events import Progress
from engine.job.job import Job, require_data
from engine.models.template import Encoded, EncodedPair, Refused, encode_rows, open_template
from engine.train.batches import Example

_TELL_EVERY = 0.5  # seconds
_NOTHING_LEARNED = "nothing is left to learn from after the cut"


@dataclass(frozen=True)
class PreparedRows:
    """Examples to train on and to check with. `prompts` are rows' own questions, for live samples.

    `skipped` and `cut` count rows; `hashes` is the SHA-256 of each data file by path; `template` its name.
    """

    train: list[Example]
    validation: list[Example]
    prompts: tuple[str, ...]
    template: str
    skipped: int
    cut: int
    hashes: dict[str, str]

    @property
    def count(self) -> int:
        """All examples."""
        return len(self.train) + len(self.validation)


def prepare_rows(job: Job, tokenizer: Any, desk: Desk) -> PreparedRows:  # Any: untyped in transformers
    """Read and tokenise the job's data; tells how far it is.

    Raises DataError when no row has anything to learn from, with the most frequent reason.
    """
    require_data(job)
    template = open_template(tokenizer, job.rows.template)
    found = open_rows(job.data, job.method_card.rows, job.method_card.title)
    train, held = split(found.rows, job.rows.validation, job.train.seed)
    encoder = _Encoder(job, tokenizer, template, desk, len(train) + len(held))
    examples = encoder.encode(train, "train")
    checks = encoder.encode(held, "validation")
    if not examples:
        raise encoder.nothing_left()
    return PreparedRows(
        train=examples,
        validation=checks,
        prompts=_prompts(held or train),
        template=template.name,
        skipped=sum(map(len, found.skipped.values())) + sum(encoder.refused.values()),
        cut=encoder.cut,
        hashes=found.hashes,
    )


class _Encoder:
    def __init__(self, job: Job, tokenizer: Any, template: Any, desk: Desk, total: int) -> None:
        self.job = job
        self.refused = Counter[str]()
        self.first_refused: Refused | None = None
        self.cut = 0
        self._tokenizer, self._template, self._desk = tokenizer, template, desk
        self._total, self._done, self._told = total, 0, time.monotonic()
        self._next_index = 0

    def encode(self, rows: Sequence[Row], title: str) -> list[Example]:
        """Examples of the rows that can be learned from."""
        section = self.job.rows
        encoded = encode_rows(rows, self._tokenizer, self._template, section.train_on, section.max_tokens)
        found = (self._example(one) for one in self._counted(encoded))
        return [example for example in found if example is not None]

    def nothing_left(self) -> DataError:
        """The error when no row can be learned from."""
        limit, total = self.job.rows.max_tokens, sum(self.refused.values())
        if self.refused[_NOTHING_LEARNED] == total:
            title = f"0 of {total} rows fit {limit} tokens with something to learn."
            return DataError(title, "Raise [rows] max_tokens, or shorten the rows.")
        first = self.first_refused
        reason = f"Row {first.number}: {first.reason}" if first else "All of them were passed over."
        return DataError(
            f"None of {total} rows can be used. {reason}", "Mend the rows, or choose another template."
        )

    def _counted(
        self, encoded: Iterable[Encoded | EncodedPair | Refused]
    ) -> Iterable[Encoded | EncodedPair | Refused]:
        for one in encoded:
            self._done += 1
            if time.monotonic() - self._told > _TELL_EVERY:
                self._told = time.monotonic()
                self._desk.tell(Progress("Reading the rows", self._done, self._total, "rows"))
            yield one

    def _example(self, encoded: Encoded | EncodedPair | Refused) -> Example | None:
        match encoded:
            case Refused():
                self.first_refused = self.first_refused or encoded
                self.refused[encoded.reason] += 1
                return None
            case Encoded():
                parts: tuple[Encoded, ...] = (encoded,)
            case EncodedPair(chosen=chosen, rejected=rejected):
                parts = (chosen, rejected)
        if not all(any(part.trained[1:]) for part in parts):
            self.refused[_NOTHING_LEARNED] += 1
            return None
        self.cut += any(part.cut for part in parts)
        self._next_index += 1
        return Example(self._next_index - 1, encoded.number, parts)


def _prompts(rows: Sequence[Row], count: int = 2) -> tuple[str, ...]:
    """The first questions of some rows, short enough to be watched."""
    questions = (_question(row) for row in rows)
    short = (question for question in questions if question and len(question) <= 400)
    return tuple(dict.fromkeys(question for question, _ in zip(short, range(count), strict=False)))


def _question(row: Row) -> str:
    match row:
        case Conversation(messages=messages) | Preference(prompt=messages):
            return _first_user(messages)
        case Text(text=text):
            return " ".join(text.split()[:8])


def _first_user(messages: Sequence[Message]) -> str:
    return next((message.content for message in messages if message.role == "user"), "")
