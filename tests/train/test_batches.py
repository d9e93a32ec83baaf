from collections import Counter

import pytest

from engine.models.template import Encoded
from engine.train.batches import Example, Order, collate, micro_batches, share
from tests.train.tiny_pairs import alike
from tests.train.tiny_runs import example


def test_every_epoch_sees_every_row_once():
    order = Order(rows=10, batch_size=4, draws=30, seed=1)
    drawn = [row for update in range(1, order.updates + 1) for row in order.of_update(update)]
    assert [Counter(drawn[start : start + 10]) for start in (0, 10, 20)] == [Counter(range(10))] * 3
    assert drawn[:10] != drawn[10:20] != sorted(drawn[10:20])


def test_the_last_update_takes_what_is_left():
    order = Order(rows=10, batch_size=4, draws=10, seed=1)
    assert [len(order.of_update(number)) for number in (1, 2, 3)] == [4, 4, 2]
    assert order.updates == 3
    assert order.epoch_after(3) == 1.0


def test_an_updates_rows_follow_from_its_number_and_the_seed_alone():
    asked_first = Order(10, 4, 100, seed=3).of_update(17)
    order = Order(10, 4, 100, seed=3)
    for number in range(1, 17):
        order.of_update(number)
    assert order.of_update(17) == asked_first
    assert Order(10, 4, 100, seed=4).of_update(17) != asked_first


def test_an_update_may_be_larger_than_the_data():
    assert Counter(Order(rows=3, batch_size=7, draws=7, seed=0).of_update(1)).total() == 7


def test_rows_are_padded_on_the_right_and_only_learned_tokens_are_scored():
    short = Example(0, 1, (Encoded(1, [5, 6, 7], [False, False, True], 0),))
    long = Example(1, 2, (Encoded(2, [8, 9, 10, 11], [False, True, False, True], 0),))
    batch = collate([short, long])
    assert batch.ids.tolist() == [[5, 6, 7, 0], [8, 9, 10, 11]]
    assert batch.mask.tolist() == [[1, 1, 1, 0], [1, 1, 1, 1]]
    assert batch.positions.tolist() == [1, 4, 6]  # what stands before 7, 9 and 11
    assert batch.targets.tolist() == [7, 9, 11]
    assert batch.rows.tolist() == [0, 1, 1]
    assert (batch.examples, batch.tokens, batch.count) == ((0, 1), 7, 2)


def test_a_position_that_two_sequences_score_is_counted_once_also_where_it_cannot_be_looked_at():
    batch = share([alike(0, [101, 102], [201])])  # 10 tokens of a prompt, then both answers
    assert batch.positions.tolist() == [9, 10, 9]
    assert batch.scored.tolist() == [9, 10]
    assert batch.to("meta").scored.shape == (2,)


def test_rows_of_one_length_need_no_mask():
    assert collate([example(0, 4), example(1, 4)]).mask is None


def test_pairs_stand_chosen_first_then_rejected():
    batch = collate([example(0, 3, parts=2), example(1, 3, parts=2)])
    assert batch.count == 4
    assert batch.mask.sum(dim=1).tolist() == [3, 3, 4, 4]


def test_a_first_token_is_never_scored():
    batch = collate([Example(0, 1, (Encoded(1, [5, 6], [True, True], 0),))])
    assert batch.targets.tolist() == [6]


@pytest.mark.parametrize(("way", "widths"), [("grouped", [9, 4]), ("given", [9, 8])])
def test_rows_of_like_length_go_together_the_longest_first(way, widths):
    examples = [example(0, 4), example(1, 9), example(2, 3), example(3, 8)]
    found = list(micro_batches(examples, 2, way))
    assert [batch.ids.shape[1] for batch in found] == widths
    assert sorted(index for batch in found for index in batch.examples) == [0, 1, 2, 3]
