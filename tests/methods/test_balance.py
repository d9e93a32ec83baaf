"""The routers' own losses against numbers worked out by hand."""

import math

import pytest
import torch
from transformers.models.mixtral.modeling_mixtral import load_balancing_loss_func

from engine.methods.balance import balance_loss, choices_of, evenness, z_loss
from tests.train.reading_watch import ReadingWatch


def scores_for(*probabilities):
    """Scores of a layer, (1, N, E), whose softmax gives these rows of probabilities."""
    return torch.tensor([probabilities]).log()


def test_two_tokens_by_hand():
    # Token 1 chooses experts 0 and 1, token 2 experts 0 and 2: f = (1, 1/2, 1/2, 0).
    # P = ((.4 + .5) / 2, (.3 + .1) / 2, (.2 + .3) / 2, .1) = (.45, .2, .25, .1).
    # 4 * (1 * .45 + .5 * .2 + .5 * .25) = 4 * .675 = 2.7
    scores = scores_for([0.4, 0.3, 0.2, 0.1], [0.5, 0.1, 0.3, 0.1])
    assert balance_loss(scores, 2).item() == pytest.approx(2.7, abs=1e-6)


def test_even_use_gives_the_number_of_chosen_experts():
    # Each of 4 tokens prefers another pair; every expert is chosen twice and P is a quarter: 4 * 4 * (1/2 * 1/4) = 2.
    rows = [
        [0.4, 0.4, 0.1, 0.1],
        [0.1, 0.1, 0.4, 0.4],
        [0.4, 0.1, 0.1, 0.4],
        [0.1, 0.4, 0.4, 0.1],
    ]
    assert balance_loss(scores_for(*rows), 2).item() == pytest.approx(2.0, abs=1e-6)


def test_one_expert_for_all_gives_the_number_of_experts_at_most():
    scores = torch.tensor([[30.0, 0.0, 0.0, 0.0]]).repeat(1, 5, 1)
    # f_0 = 1 and P_0 = 1; whatever stands second has no probability: 4 * 1 * 1.
    assert balance_loss(scores, 2).item() == pytest.approx(4.0, abs=1e-4)


def test_layers_that_collapse_to_different_experts_do_not_hide_behind_each_other():
    # Two layers, each always on another half of the experts. Pooled, as transformers does it, all looks even.
    one = scores_for(*[[0.48, 0.48, 0.02, 0.02]] * 6)
    other = scores_for(*[[0.02, 0.02, 0.48, 0.48]] * 6)
    pooled = load_balancing_loss_func((one[0], other[0]), num_experts=4, top_k=2)
    assert float(pooled) == pytest.approx(2.0, abs=1e-5)
    ours = balance_loss(torch.cat((one, other)), 2)
    assert ours.tolist() == pytest.approx([4 * (0.48 + 0.48)] * 2, abs=1e-5)


def test_of_one_layer_it_is_what_transformers_computes():
    scores = torch.randn(1, 50, 8, generator=torch.Generator().manual_seed(3))
    expected = float(load_balancing_loss_func((scores[0],), num_experts=8, top_k=2))
    assert balance_loss(scores, 2).item() == pytest.approx(expected, abs=1e-5)


def test_its_gradient_takes_scores_from_the_busy_expert():
    scores = torch.tensor([[[2.0, 1.0, 0.0, 0.0]] * 8], requires_grad=True)
    balance_loss(scores, 2).sum().backward()
    assert (scores.grad[0, :, 0] > 0).all()  # going down lowers it
    assert (scores.grad[0, :, 2:] < 0).all()


def test_z_loss_by_hand():
    # logsumexp of (ln 1, ln 3) is ln 4, of (ln 2, ln 6) ln 8: the mean of their squares.
    scores = torch.tensor([[[1.0, 3.0], [2.0, 6.0]]]).log()
    expected = (math.log(4) ** 2 + math.log(8) ** 2) / 2
    assert z_loss(scores).item() == pytest.approx(expected, abs=1e-6)


def test_choices_are_counted():
    scores = scores_for([0.4, 0.3, 0.2, 0.1], [0.5, 0.1, 0.3, 0.1])
    found = choices_of(scores, 2)
    assert found.counts.tolist() == [[2, 1, 1, 0]]
    assert found.tokens.tolist() == [2]
    assert float(found.top) == pytest.approx(0.9)


def test_a_guessing_router_has_the_entropy_one():
    assert float(choices_of(torch.zeros(1, 3, 4), 2).entropy) == pytest.approx(3.0)


def test_16_bit_scores_are_taken_in_32():
    scores = torch.randn(1, 20, 4, generator=torch.Generator().manual_seed(0)).bfloat16()
    assert balance_loss(scores, 2).dtype == torch.float32
    assert balance_loss(scores, 2).item() == pytest.approx(balance_loss(scores.float(), 2).item())


def test_nothing_but_padding_is_balanced():
    nothing = torch.zeros(1, 0, 4, requires_grad=True)
    assert balance_loss(nothing, 2).item() == 2.0
    assert z_loss(nothing).item() == 0.0


def test_layers_together_give_what_each_gives_by_itself():
    scores = torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(2))
    for loss in (lambda given: balance_loss(given, 2), z_loss, lambda given: choices_of(given, 2).entropy):
        each = [loss(layer.unsqueeze(0)).item() for layer in scores]
        assert loss(scores).tolist() == pytest.approx(each)


def test_padding_counts_for_nothing():
    scores = torch.randn(2, 30, 4, generator=torch.Generator().manual_seed(1), requires_grad=True)
    is_real = torch.arange(30) % 3 != 0
    kept = scores[:, is_real]
    for name, loss in (("balance", lambda *given: balance_loss(given[0], 2, *given[1:])), ("z", z_loss)):
        torch.testing.assert_close(loss(scores, is_real), loss(kept), msg=name)
        (gradient,) = torch.autograd.grad(loss(scores, is_real).sum(), scores)
        (expected,) = torch.autograd.grad(loss(kept).sum(), scores, retain_graph=True)
        torch.testing.assert_close(gradient, expected, msg=name)
        assert not gradient[:, ~is_real].any()
    found, expected = choices_of(scores, 2, is_real), choices_of(kept, 2)
    assert found.counts.tolist() == expected.counts.tolist()
    assert found.tokens.tolist() == expected.tokens.tolist() == [20, 20]
    torch.testing.assert_close((found.entropy, found.top), (expected.entropy, expected.top))
    assert balance_loss(scores, 2, torch.zeros(30, dtype=torch.bool)).tolist() == [2.0, 2.0]


def test_no_number_is_asked_for():
    scores = torch.randn(2, 30, 4)
    with ReadingWatch() as watch:
        balance_loss(scores, 2, torch.arange(30) > 9)
        z_loss(scores, torch.arange(30) > 9)
        choices_of(scores, 2, torch.arange(30) > 9)
    assert watch.seen == []


def test_evenness_is_the_entropy_of_the_shares():
    # Even: 1. One expert alone: 0. Shares 1/2, 1/4, 1/4: (1/2 log 2 + 2/4 log 4) / log 3 = 1.5 log 2 / log 3.
    counts = torch.tensor([[4.0, 4.0, 4.0], [9.0, 0.0, 0.0], [2.0, 1.0, 1.0]])
    assert evenness(counts).tolist() == pytest.approx([1.0, 0.0, 1.5 * math.log(2) / math.log(3)], abs=1e-6)


def test_layers_without_tokens_have_no_evenness_that_is_no_number():
    assert evenness(torch.zeros(1, 4)).tolist() == [0.0]
