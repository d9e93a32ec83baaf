from array import array

import pytest

from engine.models.encoded import Encoded, EncodedPair, Refused
from engine.models.encoded_table import EncodedTable
from engine.train import examples as module
from engine.train.assembly import examples_in_use
from engine.train.batches import Example, Order, micro_batches
from engine.train.examples import Examples, blocks, mismatched, picked
from engine.train.mismatch import with_mismatched
from tests.train.lazy_examples import lazy
from tests.train.tiny_runs import example

LISTED = [example(index, length, parts=2) for index, length in enumerate([5, 9, 4, 9, 7, 3, 8])]


def test_examples_are_those_they_were_made_of():
    found = lazy(LISTED)
    assert list(found) == LISTED
    assert (found[2], found[-1]) == (LISTED[2], LISTED[-1])
    assert list(found[1:6:2]) == LISTED[1:6:2]
    assert [one.digest for one in found] == [one.digest for one in LISTED]
    with pytest.raises(IndexError):
        found[7]


def test_sums_are_those_of_the_examples():
    found = lazy(LISTED)[1:]
    assert list(found.lengths) == [one.length for one in LISTED[1:]]
    assert found.tokens == sum(one.tokens for one in LISTED[1:])
    assert found.trained == sum(one.trained for one in LISTED[1:])


def test_rows_give_examples_that_count_on():
    one = [Encoded(number, [1, 2], [False, True], 0) for number in (3, 4)]
    table = EncodedTable.of([Refused(2, "why"), *one])
    found = Examples.of_rows(table, array("I", [4, 2, 3, 4]), first=10)
    assert [(each.index, each.number) for each in found] == [(10, 4), (11, 3), (12, 4)]


def test_a_refused_line_is_no_example():
    table = EncodedTable.of([Refused(2, "why")])
    with pytest.raises(ValueError, match="line 0"):
        Examples(table, array("I", [0]), array("I", [0]))[0]


def test_the_longest_come_first_and_equal_ones_as_they_were():
    assert [one.index for one in lazy(LISTED).longest_first()] == [1, 3, 6, 4, 0, 2, 5]


def test_those_picked_are_the_same_from_a_list():
    assert list(picked(lazy(LISTED), [3, 3, 0])) == picked(LISTED, [3, 3, 0])


@pytest.mark.parametrize("size", [1, 2, 3])
def test_blocks_give_the_batches_of_all_together(size, monkeypatch):
    monkeypatch.setattr(module, "BLOCK", 4)
    found = list(blocks(lazy(LISTED), size))
    assert len(found) == 2
    batches = [b.examples for block in found for b in micro_batches(block, size, "grouped")]
    assert batches == [b.examples for b in micro_batches(LISTED, size, "grouped")]


def test_few_examples_are_one_block():
    assert [list(block) for block in blocks(lazy(LISTED), 2)] == [LISTED]
    assert list(blocks(LISTED, 2)) == [LISTED]


def votes(count):
    return lazy(
        [
            Example(at, at + 1, (Encoded(at + 1, [at, 50 + at], [False, True], 0, label=True),))
            for at in range(count)
        ]
    )


def test_what_stands_beside_is_kept_when_some_are_taken():
    train, checks = with_mismatched(votes(5)[:3], votes(5)[3:], limit=9)
    assert [one.mismatched.parts[0].ids for one in train.at([2, 0])] == [[2, 51], [0, 52]]
    beside = mismatched(checks)
    assert [one.index for one in beside] == [8, 9]
    assert [one.index for one in beside[1:]] == [9]
    assert list(mismatched(list(checks))) == list(beside)
    assert list(mismatched(votes(2))) == list(mismatched(list(votes(2)))) == []


def test_what_updates_use_is_not_built_beforehand(monkeypatch):
    found = lazy(LISTED)
    monkeypatch.setattr(EncodedTable, "__getitem__", lambda *_: pytest.fail("built"))
    groups = examples_in_use(Order(7, 3, 14, seed=1), found)
    assert sum(map(len, groups)) == 9  # three updates of three rows: the third brings the seventh
    assert sorted({index for group in groups for index in group.indexes}) == list(range(7))


def test_a_pair_keeps_what_it_shares():
    pair = EncodedPair(
        1, 2, Encoded(1, [1, 2, 3], [False, False, True], 0), Encoded(1, [1, 2, 4], [False, False, True], 0)
    )
    assert EncodedTable.of([pair])[0].prompt_length == 2
