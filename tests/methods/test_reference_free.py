import math

import pytest
import torch

from engine.job.methods import DpoReferenceFreeSettings, DpoSettings
from engine.methods.preference import preference_loss
from engine.methods.reference_free import REFERENCE_FREE
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


@pytest.mark.parametrize("kind", REFERENCE_FREE)
def test_a_start_that_is_given_is_only_measured_against(kind):
    start = pairs([-2.0], [-2.0])  # log-ratios 1 and -2 over answers of 2 and 4 tokens
    alone, beside = (
        preference_loss(kind, POLICY, None, settings_of(kind)),
        preference_loss(kind, POLICY, start, settings_of(kind)),
    )
    assert torch.equal(beside.sum, alone.sum)
    assert {name: beside.metrics[name] for name in alone.metrics} == alone.metrics
    assert "kl" not in alone.metrics
    assert float(beside.metrics["kl"][0]) == pytest.approx((1**2 / 2 / 2 + 2**2 / 2 / 4) / 2)


def test_what_rewards_gained_since_the_start_worked_out_by_hand():
    start = pairs([-2.0], [-2.0])
    gained = preference_loss(FREE, POLICY, start, DpoReferenceFreeSettings(beta=0.5)).metrics
    assert float(gained["chosen_gain"][0]) == pytest.approx(0.5 * 1)
    assert float(gained["margin_gain"][0]) == pytest.approx(0.5 * (1 + 2))
    gained = preference_loss("simpo", POLICY, start, settings_of("simpo", beta=2.0)).metrics
    assert float(gained["chosen_gain"][0]) == pytest.approx(2 * 1 / 2)
    assert float(gained["margin_gain"][0]) == pytest.approx(2 * (1 / 2 + 2 / 4))


@pytest.mark.parametrize("kind", REFERENCE_FREE)
def test_nothing_is_gained_at_the_start(kind):
    metrics = preference_loss(kind, POLICY, POLICY, settings_of(kind)).metrics
    assert [float(metrics[name][0]) for name in ("kl", "chosen_gain", "margin_gain")] == [0.0, 0.0, 0.0]


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
