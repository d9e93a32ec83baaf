import pytest

from engine.job.errors import DataError
from engine.models.encoded import Encoded
from engine.train.batches import Example
from engine.train.mismatch import with_mismatched
from tests.train.lazy_examples import lazy


def row(index, prompt, answer, label=True):
    ids, trained = [*prompt, *answer], [False] * len(prompt) + [True] * len(answer)
    return Example(index, index + 1, (Encoded(index + 1, ids, trained, 0, label=label),))


ROWS = lazy([row(0, [1, 2], [3, 4]), row(1, [5], [6, 7, 8], label=False), row(2, [9, 10], [11])])


def test_each_prompt_gets_the_answer_of_the_row_before():
    train, _ = with_mismatched(ROWS, ROWS[:0], limit=100)
    parts = [one.mismatched.parts[0] for one in train]
    assert [part.ids for part in parts] == [[1, 2, 11], [5, 3, 4], [9, 10, 6, 7, 8]]
    assert parts[1].trained == [False, True, True]
    assert [one.mismatched.index for one in train] == [3, 4, 5]
    assert [one.parts for one in train] == [one.parts for one in ROWS]


def test_rows_kept_back_take_answers_that_are_trained_on():
    train, checks = with_mismatched(ROWS[:2], ROWS[2:], limit=100)
    assert checks[0].mismatched.parts[0].ids == [9, 10, 3, 4]
    assert {one.mismatched.index for one in (*train, *checks)} == {3, 4, 5}


def test_an_answer_is_cut_where_the_row_gets_too_long():
    train, _ = with_mismatched(ROWS, ROWS[:0], limit=4)
    assert train[2].mismatched.parts[0].ids == [9, 10, 6, 7]


def test_a_single_row_is_refused():
    with pytest.raises(DataError, match="one row"):
        with_mismatched(ROWS[:1], ROWS[1:], limit=100)
