"""A job's data, ready to train on: read, tokenised by the model's template, split, counted."""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.dataset import RowSet, Skipped, open_rows, split
from engine.data.rows import Conversation, Feedback, Message, Preference, Row, Text
from engine.data.skipped import write_skipped
from engine.job.channel import Desk
from engine.job.errors import DataError
from engine.job.events import Progress, Remark
from engine.job.job import Job, require_data
from engine.models.encoded import Encoded, EncodedPair, Refused, Result
from engine.models.tally import Tally
from engine.models.template import encode_rows, end_tokens, open_template
from engine.train.batches import Example
from engine.train.mismatch import with_mismatched

_TELL_EVERY = 0.5  # seconds


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
    """Read and tokenise the job's data; tells how far it is, and what a person should know of the rows.

    Rows that are left out are listed in the run's `skipped.jsonl`. Raises DataError when no row has anything to
    learn from, with the most frequent reason and row numbers.
    """
    require_data(job)
    template = open_template(tokenizer, job.rows.template)
    found = open_rows(job.data, job.method_card.rows, job.method_card.title, job.rows)
    train, held = split(found.rows, job.rows.validation, job.train.seed)
    encoder = _Encoder(job, tokenizer, template, desk, len(train) + len(held))
    examples = encoder.encode(train, "train")
    checks = encoder.encode(held, "validation")
    write_skipped(desk.folder, (*found.skipped_rows(), *_refused(found, encoder.tally)))
    refusal = encoder.tally.refusal(job.rows.max_tokens)
    if refusal is not None:
        raise refusal
    if not examples:
        raise DataError("Every row that can be used is kept back for checking.", "Lower [rows] validation.")
    if job.method_card.rows == "feedback":
        examples, checks = with_mismatched(examples, checks, job.rows.max_tokens)
    for sentence in encoder.tally.remarks(template.writer.folds_system):
        desk.tell(Remark("warn", sentence))
    return PreparedRows(
        train=examples,
        validation=checks,
        prompts=_prompts(held or train),
        template=template.name,
        skipped=sum(map(len, found.skipped.values())) + sum(map(len, encoder.tally.refused.values())),
        cut=encoder.tally.cut,
        hashes=found.hashes,
    )


class _Encoder:
    def __init__(self, job: Job, tokenizer: Any, template: Any, desk: Desk, total: int) -> None:
        self.job = job
        self.tally = Tally(end_tokens(tokenizer, template))
        self._tokenizer, self._template, self._desk = tokenizer, template, desk
        self._total, self._done, self._told = total, 0, time.monotonic()
        self._next_index = 0

    def encode(self, rows: Sequence[Row], title: str) -> list[Example]:
        """Examples of the rows that can be learned from."""
        section = self.job.rows
        encoded = encode_rows(
            rows, self._tokenizer, self._template, section.train_on, section.max_tokens, section.too_long
        )
        found = (self._example(one) for one in self._counted(encoded))
        return [example for example in found if example is not None]

    def _counted(self, encoded: Iterable[Result]) -> Iterable[Result]:
        for one in encoded:
            self._done += not (isinstance(one, Encoded) and one.part)
            if time.monotonic() - self._told > _TELL_EVERY:
                self._told = time.monotonic()
                self._desk.tell(Progress("Reading the rows", self._done, self._total, "rows"))
            yield one

    def _example(self, encoded: Result) -> Example | None:
        if not self.tally.add(encoded) or isinstance(encoded, Refused):
            return None
        parts: tuple[Encoded, ...] = (
            (encoded.chosen, encoded.rejected) if isinstance(encoded, EncodedPair) else (encoded,)
        )
        self._next_index += 1
        return Example(self._next_index - 1, encoded.number, parts)


def _refused(found: RowSet, tally: Tally) -> Iterator[Skipped]:
    """The rows that could be read, but not learned from."""
    for reason, numbers in tally.refused.items():
        for number in dict.fromkeys(numbers):
            path, line = found.place(number)
            yield Skipped(number, path.name, line, reason)


def _prompts(rows: Sequence[Row], count: int = 2) -> tuple[str, ...]:
    """The first questions of some rows, short enough to be watched."""
    questions = (_question(row) for row in rows)
    short = (question for question in questions if question and len(question) <= 400)
    return tuple(dict.fromkeys(question for question, _ in zip(short, range(count), strict=False)))


def _question(row: Row) -> str:
    match row:
        case Conversation(messages=messages) | Preference(prompt=messages) | Feedback(prompt=messages):
            return _first_user(messages)
        case Text(text=text):
            return " ".join(text.split()[:8])


def _first_user(messages: Sequence[Message]) -> str:
    return next((message.content for message in messages if message.role == "user"), "")
