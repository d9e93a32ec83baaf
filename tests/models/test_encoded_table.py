from array import array

import pytest

from engine.models.encoded import Encoded, EncodedPair, Refused
from engine.models.encoded_table import EncodedTable, packed
from tests.models.results import made_up


def whole(result):
    """A result with what comparing leaves out."""
    return result, getattr(result, "lengths", None)


def one(number, *trained, part=0, parts=1):
    return Encoded(number, list(range(len(trained))), list(map(bool, trained)), 0, part=part, parts=parts)


def numbers(*values):
    return array("I", values)


def test_every_result_comes_out_as_it_went_in():
    results = made_up(300)
    kinds = {type(result) for result in results}
    assert kinds == {Encoded, EncodedPair, Refused}
    assert list(map(whole, EncodedTable.of(results))) == list(map(whole, results))


def test_batches_are_one_table():
    first, second = made_up(40), made_up(30, seed=1)
    results, middle = first + second, len(first)
    table = EncodedTable([packed(first), packed([]), packed(second)])
    assert len(table) == len(results)
    assert [table[at] for at in (0, middle - 1, middle, -1)] == [
        results[at] for at in (0, middle - 1, middle, -1)
    ]
    assert table[middle - 2 : middle + 2] == results[middle - 2 : middle + 2]
    for beyond in (len(results), -len(results) - 1):
        with pytest.raises(IndexError):
            table[beyond]


def test_no_rows_are_a_table_too():
    table = EncodedTable.of([])
    assert list(table) == []
    assert list(table.places_of(numbers(1, 2))) == []


def test_learning_may_begin_and_end_anywhere():
    for trained in ([], [0], [1], [0, 1], [0, 1, 0, 1, 1], [0, 0, 1, 0], [1, 1, 1]):
        [found] = EncodedTable.of([one(1, *trained)])
        assert found.trained == list(map(bool, trained))


def test_rows_are_found_in_the_order_asked_for_and_as_often():
    table = EncodedTable.of([one(2, 0, 1), Refused(3, "why"), one(5, 0, 0), one(8, 0, 1)])
    assert list(table.places_of(numbers(8, 2, 3, 8, 5))) == [3, 0, 3]  # 3 was refused, 5 teaches nothing


def test_a_divided_text_is_found_with_all_its_pieces():
    pieces = [one(4, 0, 1, part=part, parts=3) for part in range(3)]
    table = EncodedTable.of([one(1, 0, 1), *pieces, one(6, 0, 1)])
    assert list(table.places_of(numbers(4, 6, 4))) == [1, 2, 3, 4, 1, 2, 3]


def test_both_sides_of_a_pair_must_teach():
    good, bad = one(1, 0, 1), one(1, 0, 0)
    table = EncodedTable.of([EncodedPair(1, 1, good, bad), EncodedPair(2, 1, bad, good), EncodedPair(3, 1, good, good)])  # fmt: skip
    assert list(table.places_of(numbers(1, 2, 3))) == [2]


def test_lengths_and_sums_are_those_of_the_lines_asked_for():
    pair = EncodedPair(2, 1, one(2, 0, 1), one(2, 0, 1, 1, 0))
    table = EncodedTable.of([one(1, 0, 0, 1), pair, one(3, 0, 1)])
    assert list(table.lengths(numbers(1, 0, 1))) == [4, 3, 4]
    assert table.total("tokens", numbers(1, 0)) == (2 + 4) + 3
    assert table.total("learned", numbers(1, 1, 2)) == 2 * (1 + 2) + 1
    assert table.total("tokens", numbers()) == 0
