import math

import pytest
import torch

from engine.methods.logprobs import exact, sum_by_row, token_logps


def test_equal_logits_give_every_word_the_same_chance():
    found = token_logps(torch.zeros(1, 4), torch.tensor([2]))
    assert found.target.item() == pytest.approx(-math.log(4))
    assert found.average.item() == pytest.approx(-math.log(4))


def test_two_words_worked_out_by_hand():
    found = token_logps(torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([0]))  # chances 3/4 and 1/4
    assert found.target.item() == pytest.approx(math.log(3 / 4))
    assert found.average.item() == pytest.approx((math.log(3 / 4) + math.log(1 / 4)) / 2)


def test_narrow_numbers_become_float32_and_float64_stays():
    assert exact(torch.zeros(1, dtype=torch.bfloat16)).dtype == torch.float32
    assert exact(torch.zeros(1, dtype=torch.float64)).dtype == torch.float64
    logits = torch.zeros(1, 4, dtype=torch.bfloat16)
    assert token_logps(logits, torch.tensor([0])).target.dtype == torch.float32


def test_tokens_are_summed_into_their_own_row():
    sums = sum_by_row(torch.tensor([1.0, 2.0, 4.0]), torch.tensor([0, 2, 0]), 3)
    assert sums.tolist() == [5.0, 0.0, 2.0]
