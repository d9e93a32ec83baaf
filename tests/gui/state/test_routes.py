"""Shares of tokens, and how two prompts differ: numbers by hand."""

import math
import random

import pytest

from engine.job.expert_events import TokenRoute
from gui.state.routes import Mixture, Routing, counts_of, differences, largest, shares_of

TWO = Mixture((0, 2), 3)


def token(*first, at=0):
    """A token whose first expert in each layer is given."""
    return TokenRoute(at, at + 1, tuple((e, (e + 1) % 3) for e in first), tuple((0.6, 0.4) for _ in first))


def routing(prompt, *tokens, counts=()):
    found = Routing(prompt, counts)
    found.take(0, [token(*first) for first in tokens])
    return found


def test_parts_are_put_together_and_a_later_one_replaces():
    found = Routing("hi")
    found.take(0, [token(0), token(1)])
    found.take(2, [token(2)])
    assert [t.experts[0][0] for t in found.tokens] == [0, 1, 2]
    assert found.answer_counts(0, 3) == [1, 1, 1]
    found.take(1, [token(2)])
    assert [t.experts[0][0] for t in found.tokens] == [0, 2]
    assert found.answer_counts(0, 3) == [1, 0, 1]


def test_the_tokens_of_the_answer_of_the_prompt_or_of_both_are_counted():
    found = routing("hi", (0, 2), (0, 1), counts=((0, 1, 3), (4, 0, 0)))
    assert counts_of(found, 0, 3, "answer") == [2, 0, 0]
    assert counts_of(found, 1, 3, "prompt") == [4, 0, 0]
    assert counts_of(found, 0, 3, "both") == [2, 1, 3]
    assert shares_of([2, 1, 1]) == (0.5, 0.25, 0.25)
    assert shares_of([0, 0]) == (0.0, 0.0)


def test_the_distance_is_the_part_of_the_tokens_that_go_elsewhere():
    first = routing("a", *[(0, 0)] * 6, *[(1, 0)] * 4)
    second = routing("b", *[(0, 0)] * 1, *[(1, 0)] * 4, *[(2, 0)] * 5)
    apart, same = differences(first, second, TWO, "answer")
    assert apart.first == (0.6, 0.4, 0.0)
    assert apart.second == (0.1, 0.4, 0.5)
    assert apart.distance == pytest.approx(0.5)
    assert (same.distance, same.chance, same.limit) == (0, 0, 0)
    assert same.is_alike
    assert not same.is_telling


def test_what_chance_gives_is_worked_out_for_two_experts():
    # Shares of both together 1/2, 10 tokens each: sd = sqrt(1/4 (1/10 + 1/10)), twice half of sqrt(2/pi) sd.
    first = routing("a", *[(0, 0)] * 7, *[(1, 0)] * 3)
    second = routing("b", *[(0, 0)] * 3, *[(1, 0)] * 7)
    (found, _) = differences(first, second, TWO, "answer")
    assert found.distance == pytest.approx(0.4)
    assert found.chance == pytest.approx(math.sqrt(2 / math.pi) * math.sqrt(0.25 * 0.2))
    assert not found.is_telling  # 7 of 10 against 3 of 10 happens


@pytest.mark.parametrize("experts", [2, 4, 8, 64])
def test_two_draws_from_the_same_shares_hardly_ever_tell_anything(experts):
    chance = random.Random(experts)
    weights = [chance.uniform(0.2, 1) for _ in range(experts)]
    mixture, alarms, distances, expected = Mixture((0,), experts), 0, 0.0, 0.0
    for _ in range(400):
        pair = []
        for n in (40, 60):
            pair.append(Routing(""))
            drawn = chance.choices(range(experts), weights, k=n)
            pair[-1].take(0, [TokenRoute(0, 1, ((e,),), ((1.0,),)) for e in drawn])
        (found,) = differences(*pair, mixture, "answer")
        alarms += found.is_telling
        distances, expected = distances + found.distance, expected + found.chance
    assert alarms <= 12  # 3 of 100
    assert distances == pytest.approx(expected, rel=0.15)


def test_experts_that_really_differ_are_named_largest_first():
    first = routing("a", *[(0, 0)] * 40, *[(1, 0)] * 10)
    second = routing("b", *[(0, 0)] * 10, *[(2, 1)] * 40)
    found = differences(first, second, TWO, "answer")
    assert all(difference.is_telling for difference in found)
    # layer 0: 0.8 0.2 0 against 0.2 0 0.8, distance 0.8, expert 2 most; layer 1: 1 0 against 0.2 0.8.
    assert [(d.layer, expert) for d, expert in largest(found)] == [(0, 2), (1, 0)]
    assert len(largest(found, 1)) == 1


def test_nothing_is_compared_where_one_of_the_two_has_no_token():
    assert differences(routing("a", (0, 0)), routing("b"), TWO, "answer") == []
    asked = routing("b", counts=((1, 0, 0), (0, 1, 0)))
    assert len(differences(routing("a", (0, 0), counts=((0, 1, 0), (0, 1, 0))), asked, TWO, "prompt")) == 2
