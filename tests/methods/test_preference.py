import dataclasses
import math
import subprocess
import sys

import pytest
import torch

from engine.job.errors import JobError
from engine.job.methods import METHODS, DpoSettings
from engine.methods.preference import PREFERENCE, PairLogps, preference_loss
from tests.methods.pairs import pairs, random_pairs, settings_of

FREE = "dpo-reference-free"


def test_every_card_of_the_family_has_a_loss_and_every_loss_a_card():
    cards = {kind: card for kind, card in METHODS.items() if card.family == "preference"}
    assert set(cards) == set(PREFERENCE)
    for card in cards.values():
        charted = {line.metric for chart in card.charts for line in chart.lines}
        assert {
            "reward_chosen",
            "reward_rejected",
            "reward_margin",
            "accuracy",
            "length_difference",
        } < charted
        assert card.needs_reference == hasattr(card.settings(), "reference")
        drift = [line for chart in card.charts for line in chart.lines if line.metric == "kl"]
        assert [line.of_checks for line in drift] == [not card.needs_reference]


def test_sft_weight_adds_the_chosen_answers_loss_per_token():
    policy = pairs([-2.0], [-6.0], lengths=(4.0, 3.0))
    loss = preference_loss("dpo", policy, policy, DpoSettings(sft_weight=0.5))
    assert loss.mean().item() == pytest.approx(math.log(2) + 0.5 * 2.0 / 4.0)


def test_a_tie_counts_one_half():
    loss = preference_loss(FREE, pairs([-1.0, -2.0], [-1.0, -3.0]), None, settings_of(FREE))
    total, count = loss.metrics["accuracy"]
    assert float(total) / count == 0.75


def test_metrics_of_a_pair_worked_out_by_hand():
    # log-ratios 1 and -2 over answers of 2 and 4 tokens; beta 0.1
    loss = preference_loss("dpo", pairs([-2.0], [-6.0]), pairs([-3.0], [-4.0]), DpoSettings(beta=0.1))
    metrics = {name: float(total) / count for name, (total, count) in loss.metrics.items()}
    assert metrics == {
        "reward_chosen": pytest.approx(0.1),
        "reward_rejected": pytest.approx(-0.2),
        "reward_margin": pytest.approx(0.3),
        "accuracy": 1.0,
        "length_difference": -2.0,
        "kl": pytest.approx((1**2 / 2 / 2 + 2**2 / 2 / 4) / 2),
    }
    assert not any(total.requires_grad for total, _ in loss.metrics.values())


@pytest.mark.parametrize("kind", [kind for kind in PREFERENCE if METHODS[kind].needs_reference])
def test_a_missing_reference_is_refused(kind):
    with pytest.raises(JobError, match="needs a reference"):
        preference_loss(kind, pairs([1.0], [2.0]), None, settings_of(kind))


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(JobError, match="dpoo") as error:
        preference_loss("dpoo", pairs([1.0], [2.0]), None, DpoSettings())
    assert "'dpo'" in error.value.advice


@pytest.mark.parametrize("kind", PREFERENCE)
def test_gradient_agrees_with_finite_differences(kind):
    changes = {"beta": 0.7, "sft_weight": 0.3}
    known = {field.name for field in dataclasses.fields(METHODS[kind].settings)}
    settings = settings_of(kind, **{name: value for name, value in changes.items() if name in known})
    reference = pairs([-3.0, -2.0], [-4.0, -6.0], dtype=torch.float64)
    sides = [
        torch.tensor(side, dtype=torch.float64, requires_grad=True) for side in ([-2.0, -5.0], [-3.0, -1.0])
    ]
    tokens = torch.tensor([3.0, 2.0], dtype=torch.float64)
    assert torch.autograd.gradcheck(
        lambda c, r: preference_loss(kind, PairLogps(c, r, tokens, tokens), reference, settings).sum,
        tuple(sides),
    )


@pytest.mark.parametrize("kind", PREFERENCE)
def test_precision_is_float32_at_least_and_float64_stays(kind):
    for given, expected in [(torch.bfloat16, torch.float32), (torch.float64, torch.float64)]:
        policy = pairs([-2.0], [-6.0], dtype=given)
        loss = preference_loss(kind, policy, policy, settings_of(kind))
        assert {loss.sum.dtype, *(total.dtype for total, _ in loss.metrics.values())} == {expected}


@pytest.mark.parametrize("kind", PREFERENCE)
@pytest.mark.parametrize("ends", [(-5000.0, -10.0), (-10.0, -5000.0), (-1e-9, -5000.0), (0.0, 0.0)])
def test_answers_far_apart_or_certain_stay_finite(kind, ends):
    chosen, rejected = (torch.tensor([end], requires_grad=True) for end in ends)
    policy = PairLogps(chosen, rejected, torch.tensor([2.0]), torch.tensor([4.0]))
    # DiscoPOP's exponential of a lost pair is meant to grow without bound; its own beta keeps it a number.
    settings = settings_of(kind, beta=0.01 if kind == "discopop" else 10.0)
    loss = preference_loss(kind, policy, pairs([-10.0], [-5000.0]), settings)
    loss.sum.backward()
    assert torch.isfinite(loss.sum)
    assert torch.isfinite(chosen.grad)
    assert torch.isfinite(rejected.grad)


@pytest.mark.parametrize("kind", PREFERENCE)
def test_a_batch_is_the_sum_of_its_pairs(kind):
    policy, reference = random_pairs(seed=1), random_pairs(seed=2)
    whole = preference_loss(kind, policy, reference, settings_of(kind))
    single = [
        preference_loss(kind, pair_of(policy, at), pair_of(reference, at), settings_of(kind)).sum.item()
        for at in range(6)
    ]
    assert whole.count == 6
    assert whole.sum.item() == pytest.approx(sum(single))


@pytest.mark.parametrize("kind", PREFERENCE)
def test_swapping_the_answers_turns_the_rewards_round(kind):
    policy, reference = random_pairs(seed=1), random_pairs(seed=2)
    loss = preference_loss(kind, policy, reference, settings_of(kind))
    turned = preference_loss(kind, swapped(policy), swapped(reference), settings_of(kind))
    assert turned.metrics["reward_chosen"] == loss.metrics["reward_rejected"]
    assert turned.metrics["reward_margin"][0] == pytest.approx(-loss.metrics["reward_margin"][0])
    assert turned.metrics["accuracy"][0] == pytest.approx(6 - loss.metrics["accuracy"][0])


# APO-down lowers both answers; DiscoPOP is not convex and first pulls an undecided pair the wrong way.
@pytest.mark.parametrize("kind", [kind for kind in PREFERENCE if kind not in ("apo-down", "discopop")])
def test_a_step_down_the_loss_raises_the_chosen_answer_over_the_rejected(kind):
    chosen, rejected = (torch.tensor([-5.0], dtype=torch.float64, requires_grad=True) for _ in range(2))
    tokens = torch.tensor([3.0], dtype=torch.float64)
    policy = PairLogps(chosen, rejected, tokens, tokens)
    same = pairs([-5.0], [-5.0], dtype=torch.float64)
    preference_loss(kind, policy, same, settings_of(kind)).sum.backward()
    assert chosen.grad < 0 < rejected.grad


def pair_of(pair, at):
    columns = (pair.chosen, pair.rejected, pair.chosen_tokens, pair.rejected_tokens)
    return PairLogps(*(column[at : at + 1] for column in columns))


def swapped(pair):
    return PairLogps(pair.rejected, pair.chosen, pair.rejected_tokens, pair.chosen_tokens)


def test_losses_need_torch_alone():
    code = (
        "import sys; import engine.methods.preference, engine.methods.supervised;"
        "extra = {'transformers', 'peft', 'tomli_w', 'pyarrow', 'psutil'} & set(sys.modules);"
        "sys.exit(str(extra) if extra else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
