"""A job's data, ready to train on: read, tokenised by the model's template, split, counted."""

import time
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.data.dataset import RowSet, Skipped, open_rows, split
from engine.data.rows import Conversation, Feedback, Message, Preference, Row, Text
from engine.data.skipped import write_skipped
from engine.job.channel import Desk
from engine.job.errors import DataError
from engine.job.events import Progress, Remark
from engine.job.job import Job, require_data
from engine.models.encoded_table import EncodedTable
from engine.models.encoding import encoded_table
from engine.models.tally import Tally
from engine.models.template import end_tokens, open_template
from engine.train.examples import Examples
from engine.train.mismatch import with_mismatched
from engine.train.stopping import stop_if_asked

_TELL_EVERY = 0.5  # seconds


@dataclass(frozen=True)
class PreparedRows:
    """Examples to train on and to check with. `prompts` are rows' own questions, for live samples.

    `skipped` and `cut` count rows; `hashes` is the SHA-256 of each data file by path; `template` its name.
    """

    train: Examples
    validation: Examples
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
    learn from, with the most frequent reason and row numbers; StoppedError when a stop was heard.
    """
    require_data(job)
    template = open_template(tokenizer, job.rows.template)
    found = open_rows(job.data, job.method_card.rows, job.method_card.title, job.rows, _teller(desk))
    rows = found.rows.unique()
    heard = _teller(desk, len(rows))
    table = encoded_table(rows, rows.mark, found.bytes, tokenizer, template, job.rows, heard)
    tally = Tally(end_tokens(tokenizer, template), table)
    write_skipped(desk.folder, (*found.skipped_rows(), *_refused(found, tally)))
    refusal = tally.refusal(job.rows.max_tokens)
    if refusal is not None:
        raise refusal
    train, held = split(found.rows, job.rows.validation, job.train.seed)
    examples, checks = _examples(job, table, train.numbers, held.numbers)
    for sentence in filter(None, (found.one_sided, *tally.remarks(template.writer.folds_system))):
        desk.tell(Remark("warn", sentence))
    return PreparedRows(
        train=examples,
        validation=checks,
        prompts=_prompts(held or train),
        template=template.name,
        skipped=sum(map(len, found.skipped.values())) + sum(map(len, tally.refused.values())),
        cut=tally.cut,
        hashes=found.hashes,
    )


def _teller(desk: Desk, total: int | None = None) -> Callable[[int], None]:
    """Tells, now and then, how many rows are done, and hears a stop."""
    told = time.monotonic()

    def tell(done: int) -> None:
        nonlocal told
        if time.monotonic() - told > _TELL_EVERY:
            told = time.monotonic()
            stop_if_asked(desk)
            desk.tell(Progress("Reading the rows", done, total, "rows"))

    return tell


def _examples(
    job: Job, table: EncodedTable, train: "array[int]", held: "array[int]"
) -> tuple[Examples, Examples]:
    """The examples of these row numbers; raises DataError when there are none to train on."""
    examples = Examples.of_rows(table, train)
    checks = Examples.of_rows(table, held, len(examples))
    if not examples:
        raise DataError("Every row that can be used is kept back for checking.", "Lower [rows] validation.")
    if job.method_card.rows == "feedback":
        return with_mismatched(examples, checks, job.rows.max_tokens)
    return examples, checks


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
