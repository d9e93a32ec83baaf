"""Prompts with other rows' answers: what KTO estimates the KL divergence from."""

import dataclasses
from array import array

from engine.job.errors import DataError
from engine.models.encoded import Encoded
from engine.train.batches import Example
from engine.train.examples import Examples


def with_mismatched(train: Examples, checks: Examples, limit: int) -> tuple[Examples, Examples]:
    """Both with `mismatched` filled in: each row's prompt with the answer of the row before it.

    The partner stays the same for the whole run, as in TRL, so that the reference looks at each once. A row kept
    back takes the answer of a row that is trained on. An answer that makes the row longer than `limit` tokens is
    cut at its end. Mismatched examples are numbered after all others. Raises DataError for a single row.
    """
    if len(train) < 2:
        title = "There is only one row to learn from, but feedback is measured against other rows' answers."
        raise DataError(title, "Add rows, or choose instruction tuning.")
    count = len(train) + len(checks)

    def mix(row: Example, other: Example) -> Example:
        return _paired(row, other, count, limit)

    before = array("I", (train.places[at - 1] for at in range(len(train))))
    others = array("I", (train.places[at % len(train)] for at in range(len(checks))))
    return train.beside(before, mix), checks.beside(others, mix)


def _paired(row: Example, other: Example, count: int, limit: int) -> Example:
    own, theirs = row.parts[0], other.parts[0]
    prompt, start = own.ids[: _answer(own)], _answer(theirs)
    ids = [*prompt, *theirs.ids[start:]][:limit]
    trained = [*([False] * len(prompt)), *theirs.trained[start:]][:limit]
    mixed = Encoded(row.number, ids, trained, 0, label=own.label)
    return dataclasses.replace(row, mismatched=Example(row.index + count, row.number, (mixed,)))


def _answer(part: Encoded) -> int:
    """The first token that is learned."""
    return part.trained.index(True)
