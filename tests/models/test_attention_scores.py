import pytest
import torch

from engine.models.attention_scores import full, hide, may_shift, shift_for, shifted_scores
from engine.models.rounding import rounds_once

needs_one_rounding = pytest.mark.skipif(
    not rounds_once(), reason="this processor rounds products by themselves"
)


@needs_one_rounding
def test_shifted_scores_near_the_highest_are_exact_however_high_it_is():
    query = torch.zeros(1, 32, 64, dtype=torch.bfloat16)
    query[..., 0], query[..., 1] = 200, 1
    keys = torch.zeros(1, 32, 64, dtype=torch.bfloat16)
    keys[0, :, 0] = 1
    keys[0, 0, 1], keys[0, 1, 1] = (
        0.25,
        -0.5,
    )  # scores of 200.25 and 199.5, where bfloat16 knows whole numbers alone
    shift = shift_for(torch.full((1, 32, 1), 200.25))
    assert shift.unique().tolist() == [-199]  # 1 - 200.25, rounded
    scores = shifted_scores(query, keys, shift, 1.0)
    assert scores[0, 5, :3].tolist() == [1.25, 0.5, 1.0]


def test_only_bfloat16_without_soft_capping_is_shifted():
    states = torch.zeros(1, dtype=torch.bfloat16)
    assert may_shift(states, None) == rounds_once()
    assert not may_shift(states, 20.0)
    assert not may_shift(states.float(), None)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float32])
def test_what_is_later_or_longer_ago_than_the_window_is_hidden(dtype):
    scores = torch.zeros(3, 2, 6, dtype=dtype)
    hide(scores, 2, 2)
    for head in scores:
        assert (head == 0).nonzero().tolist() == [[0, 1], [0, 2], [1, 2], [1, 3]]
    assert scores.isneginf().sum() == 3 * 8


def test_without_a_window_everything_before_is_seen():
    scores = torch.zeros(1, 2, 6)
    hide(scores, 3, None)
    assert (scores[0] == 0).sum(-1).tolist() == [4, 5]


def test_keys_are_as_many_as_a_processor_takes_at_a_time():
    assert [full(count) for count in (1, 32, 33, 600)] == [32, 32, 64, 608]
