"""Two topics whose kept rows ask for something new."""

import itertools

import pytest

from benchmarks.topics.texts import Row, animals, nearness, sums, topics


def test_answers_are_right():
    asked = {row.question: row.answer for row in [*animals(), *sums()]}
    assert asked["Tell me about a hen and an ant."] == (
        "A hen lives in a coop and has two legs. An ant lives in an anthill and has six legs. "
        "An ant has more legs."
    )
    assert asked["Tell me about a cow and a dog."].endswith("They have the same number of legs.")
    assert asked["What is 6 minus 2 plus 5 plus 0?"] == "6 minus 2 is 4. 4 plus 5 is 9. 9 plus 0 is 9."
    assert "What is 1 minus 2 plus 5 plus 0?" not in asked  # nothing below zero


def test_what_follows_each_other_in_a_kept_row_does_so_in_no_trained_one():
    for topic in topics(300, 80):
        trained = {pair for row in topic.train for pair in itertools.pairwise(row.asks)}
        assert (len(topic.train), len(topic.kept)) == (300, 80)
        assert not any(pair in trained for row in topic.kept for pair in itertools.pairwise(row.asks))
        asked = {what for row in topic.train for what in row.asks}
        assert all(what in asked for row in topic.kept for what in row.asks)  # each by itself is known


def test_no_kept_row_is_a_near_copy():
    for topic in topics(300, 80):
        assert max(nearness(row, topic.train) for row in topic.kept) < 0.75


def test_nearness_by_hand():
    row = Row("a b", "c d e", ())  # two runs of four words: abcd, bcde
    assert nearness(row, [Row("a b", "c d x", ())]) == 0.5
    assert nearness(row, [Row("x", "y z a b", ()), row]) == 1.0


def test_the_same_rows_come_every_time():
    assert topics(20, 5) == topics(20, 5)
    with pytest.raises(ValueError, match="rows to train on"):
        topics(10_000, 5)
