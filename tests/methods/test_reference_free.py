import math

import pytest

from engine.job.methods import DpoReferenceFreeSettings, DpoSettings
from engine.methods.preference import preference_loss
from tests.methods.pairs import log_sigmoid, pairs, settings_of, sigmoid

FREE = "dpo-reference-free"
POLICY = pairs([-1.0], [-4.0])
"""Means per token -1/2 and -1."""


def loss_of(kind, policy=POLICY, **changes):
    return preference_loss(kind, policy, None, settings_of(kind, **changes)).mean().item()


def test_reference_free_example_worked_out_by_hand():
    # -log sigmoid(2 * (2.0 - 0.5)) and -log sigmoid(2 * (1.5 - 1.0))
    loss = preference_loss(FREE, pairs([2.0, 1.5], [0.5, 1.0]), None, DpoReferenceFreeSettings(beta=2.0))
    by_hand = (-math.log(sigmoid(3.0)) - math.log(sigmoid(1.0))) / 2
    assert loss.mean().item() == pytest.approx(by_hand)
    assert loss.mean().item() == pytest.approx(0.1809245, abs=1e-7)


def test_reference_free_equals_dpo_with_an_indifferent_reference():
    policy, indifferent = pairs([-2.0, -9.0], [-6.0, -1.0]), pairs([-5.0, -5.0], [-5.0, -5.0])
    free = preference_loss(FREE, policy, None, DpoReferenceFreeSettings(beta=0.3))
    anchored = preference_loss("dpo", policy, indifferent, DpoSettings(beta=0.3))
    assert free.sum.item() == pytest.approx(anchored.sum.item())


@pytest.mark.parametrize("kind", [FREE, "simpo", "orpo", "cpo"])
def test_a_reference_that_is_given_changes_nothing(kind):
    with_one = preference_loss(kind, POLICY, pairs([-7.0], [-1.0]), settings_of(kind))
    assert with_one.mean().item() == loss_of(kind)
    assert "kl" not in with_one.metrics


def test_simpo_asks_for_a_lead_between_the_means_per_token():
    assert loss_of("simpo", beta=2.0, gamma=0.5) == pytest.approx(-log_sigmoid(2 * (1.0 - 0.5) - 0.5))
    assert loss_of("simpo", beta=1e-12, gamma=0.0) == pytest.approx(math.log(2))


def test_cpo_contrasts_and_imitates():
    assert loss_of("cpo", beta=0.1, sft_weight=0.0) == pytest.approx(-log_sigmoid(0.3))
    assert loss_of("cpo", beta=0.1) == pytest.approx(-log_sigmoid(0.3) + 1.0 / 2)
    smoothed = -0.9 * log_sigmoid(0.3) - 0.1 * log_sigmoid(-0.3)
    assert loss_of("cpo", beta=0.1, sft_weight=0.0, label_smoothing=0.1) == pytest.approx(smoothed)


def test_orpo_compares_odds():
    good, bad = math.exp(-0.5), math.exp(-1.0)
    ratio = (good / (1 - good)) / (bad / (1 - bad))
    assert loss_of("orpo", beta=0.2) == pytest.approx(0.5 - 0.2 * log_sigmoid(math.log(ratio)))


def test_orpo_without_its_comparison_is_instruction_tuning():
    assert loss_of("orpo", beta=1e-12) == pytest.approx(0.5)
