import math

import pytest
import torch

from engine.job.errors import JobError
from engine.job.methods import METHODS
from engine.methods.feedback import FEEDBACK, LOSS_OF_LEAD, AnswerLogps, feedback_loss, kl_estimate
from tests.methods.pairs import log_sigmoid, settings_of, sigmoid

GOOD = torch.tensor([True, False])


def answers(logps, tokens=(2.0, 4.0), dtype=torch.float32):
    return AnswerLogps(torch.tensor(logps, dtype=dtype), torch.tensor(tokens, dtype=dtype))


POLICY, REFERENCE = answers([-2.0, -6.0]), answers([-3.0, -4.0])
"""Log-ratios 1 for the good and -2 for the bad answer."""


def test_every_card_of_the_family_has_a_loss_and_every_loss_a_card():
    assert {kind for kind, card in METHODS.items() if card.family == "feedback"} == set(FEEDBACK)
    assert set(LOSS_OF_LEAD) == set(FEEDBACK)


def test_kto_follows_equation_7():
    settings = settings_of("kto", beta=0.1, desirable_weight=2.0, undesirable_weight=0.5)
    loss = feedback_loss("kto", POLICY, REFERENCE, GOOD, settings, baseline=0.5)
    by_hand = 2.0 * (1 - sigmoid(0.1 * (1 - 0.5))) + 0.5 * (1 - sigmoid(0.1 * (0.5 + 2)))
    assert loss.sum.item() == pytest.approx(by_hand)
    assert loss.count == 2


def test_bco_measures_from_the_middle_of_the_rewards():
    loss = feedback_loss("bco", POLICY, REFERENCE, GOOD, settings_of("bco", beta=0.1), baseline=-0.05)
    assert loss.sum.item() == pytest.approx(-log_sigmoid(0.1 + 0.05) - log_sigmoid(0.2 - 0.05))


def test_metrics_are_means_over_good_and_over_bad_answers():
    loss = feedback_loss("kto", POLICY, REFERENCE, GOOD, settings_of("kto", beta=0.1), baseline=0.5)
    metrics = {name: float(total) / count for name, (total, count) in loss.metrics.items()}
    assert metrics == {
        "reward_chosen": pytest.approx(0.1),
        "reward_rejected": pytest.approx(-0.2),
        "length_chosen": 2.0,
        "length_rejected": 4.0,
        "accuracy": 1.0,
        "kl": 0.5,
    }
    ties = feedback_loss("kto", POLICY, POLICY, GOOD, settings_of("kto"))
    assert ties.metrics["accuracy"][0] == 2 * 0.5
    drift = feedback_loss("bco", POLICY, REFERENCE, GOOD, settings_of("bco")).metrics["kl"]
    assert float(drift[0]) == pytest.approx(1**2 / 2 / 2 + 2**2 / 2 / 4)


def test_the_kl_estimate_is_a_mean_that_never_falls_below_zero():
    assert kl_estimate(answers([1.0, 2.0]), answers([0.0, 0.0])) == 1.5
    assert kl_estimate(answers([-1.0, -2.0]), answers([0.0, 0.0])) == 0.0


@pytest.mark.parametrize(("kind", "coin"), [("kto", 0.5), ("bco", math.log(2))])
def test_without_a_beta_or_a_difference_every_answer_is_a_coins_toss(kind, coin):
    tossed = feedback_loss(kind, POLICY, REFERENCE, GOOD, settings_of(kind, beta=1e-12))
    same = feedback_loss(kind, POLICY, POLICY, GOOD, settings_of(kind))
    assert tossed.mean().item() == same.mean().item() == pytest.approx(coin)


@pytest.mark.parametrize("kind", FEEDBACK)
def test_turning_votes_and_log_ratios_round_changes_nothing(kind):
    straight = feedback_loss(kind, POLICY, REFERENCE, GOOD, settings_of(kind)).sum
    turned = feedback_loss(kind, REFERENCE, POLICY, ~GOOD, settings_of(kind)).sum
    assert straight.item() == pytest.approx(turned.item())


@pytest.mark.parametrize("kind", FEEDBACK)
def test_gradient_agrees_with_finite_differences(kind):
    reference = answers([-3.0, -4.0], dtype=torch.float64)
    logps = torch.tensor([-2.0, -6.0], dtype=torch.float64, requires_grad=True)
    settings = settings_of(kind, beta=0.7, desirable_weight=1.3)
    assert torch.autograd.gradcheck(
        lambda x: feedback_loss(kind, AnswerLogps(x, reference.tokens), reference, GOOD, settings, 0.3).sum,
        (logps,),
    )


@pytest.mark.parametrize("kind", FEEDBACK)
def test_precision_is_float32_at_least_and_float64_stays(kind):
    for given, expected in [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)]:
        policy = answers([-2.0, -6.0], dtype=given)
        loss = feedback_loss(kind, policy, policy, GOOD, settings_of(kind), 0.1)
        assert {loss.sum.dtype, *(total.dtype for total, _ in loss.metrics.values())} == {expected}


@pytest.mark.parametrize("kind", FEEDBACK)
def test_only_good_or_only_bad_answers_are_no_trouble(kind):
    for good in (torch.tensor([True, True]), torch.tensor([False, False])):
        loss = feedback_loss(kind, POLICY, REFERENCE, good, settings_of(kind))
        assert torch.isfinite(loss.sum)
        missing = "reward_rejected" if good[0] else "reward_chosen"
        assert loss.metrics[missing][1] == 0


def test_an_unknown_kind_and_a_missing_reference_are_refused():
    with pytest.raises(JobError, match="ktoo"):
        feedback_loss("ktoo", POLICY, REFERENCE, GOOD, settings_of("kto"))
    with pytest.raises(JobError, match="needs a reference"):
        feedback_loss("kto", POLICY, None, GOOD, settings_of("kto"))
