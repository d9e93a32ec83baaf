import math
import subprocess
import sys

import pytest
import torch

from engine.job.errors import JobError
from engine.job.methods import DpoReferenceFreeSettings, DpoSettings
from engine.methods.preference import PREFERENCE, PairLogps, preference_loss

FREE = "dpo-reference-free"
SETTINGS = {"dpo": DpoSettings, FREE: DpoReferenceFreeSettings}


def pairs(chosen, rejected, lengths=(2.0, 4.0), dtype=torch.float32):
    values = [torch.tensor(side, dtype=dtype) for side in (chosen, rejected)]
    tokens = [torch.full_like(values[0], length) for length in lengths]
    return PairLogps(*values, *tokens)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def test_equal_log_probs_leave_it_to_a_coin():
    policy = pairs([-3.0, -7.0], [-5.0, -1.0])
    loss = preference_loss("dpo", policy, policy, DpoSettings())
    assert loss.mean().item() == pytest.approx(math.log(2))  # sigmoid(0) = 1/2
    assert loss.sum.item() == pytest.approx(2 * math.log(2))
    assert loss.count == 2


def test_dpo_follows_equation_7():
    # beta * ((-2 - -3) - (-6 - -4)) = 0.1 * 3
    loss = preference_loss("dpo", pairs([-2.0], [-6.0]), pairs([-3.0], [-4.0]), DpoSettings(beta=0.1))
    assert loss.mean().item() == pytest.approx(-math.log(sigmoid(0.3)))
    metrics = {name: float(total) / count for name, (total, count) in loss.metrics.items()}
    assert metrics == {
        "reward_chosen": pytest.approx(0.1),
        "reward_rejected": pytest.approx(-0.2),
        "reward_margin": pytest.approx(0.3),
        "accuracy": 1.0,
    }


def test_conservative_dpo_mixes_in_the_swapped_pair():
    policy, reference = pairs([-2.0], [-6.0]), pairs([-3.0], [-4.0])
    loss = preference_loss("dpo", policy, reference, DpoSettings(beta=0.1, label_smoothing=0.25))
    expected = -0.75 * math.log(sigmoid(0.3)) - 0.25 * math.log(sigmoid(-0.3))
    assert loss.mean().item() == pytest.approx(expected)


def test_sft_weight_adds_the_chosen_answers_loss_per_token():
    policy = pairs([-2.0], [-6.0], lengths=(4.0, 3.0))
    loss = preference_loss("dpo", policy, policy, DpoSettings(sft_weight=0.5))
    assert loss.mean().item() == pytest.approx(math.log(2) + 0.5 * 2.0 / 4.0)


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


def test_a_tie_counts_one_half():
    loss = preference_loss(FREE, pairs([-1.0, -2.0], [-1.0, -3.0]), None, DpoReferenceFreeSettings())
    total, count = loss.metrics["accuracy"]
    assert float(total) / count == 0.75


def test_dpo_without_a_reference_is_refused():
    with pytest.raises(JobError, match="needs a reference"):
        preference_loss("dpo", pairs([1.0], [2.0]), None, DpoSettings())


def test_an_unknown_kind_is_refused_with_the_nearest():
    with pytest.raises(JobError, match="dpoo") as error:
        preference_loss("dpoo", pairs([1.0], [2.0]), None, DpoSettings())
    assert "'dpo'" in error.value.advice


@pytest.mark.parametrize("kind", PREFERENCE)
def test_gradient_agrees_with_finite_differences(kind):
    settings = SETTINGS[kind](beta=0.7, sft_weight=0.3)
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
        assert preference_loss(kind, policy, policy, SETTINGS[kind]()).sum.dtype == expected


@pytest.mark.parametrize("kind", PREFERENCE)
def test_far_apart_answers_stay_finite(kind):
    policy, reference = pairs([-5000.0], [-10.0]), pairs([-10.0], [-5000.0])
    assert torch.isfinite(preference_loss(kind, policy, reference, SETTINGS[kind](beta=10.0)).sum)


def test_losses_need_torch_alone():
    code = (
        "import sys; import engine.methods.preference, engine.methods.supervised;"
        "extra = {'transformers', 'peft', 'tomli_w', 'pyarrow', 'psutil'} & set(sys.modules);"
        "sys.exit(str(extra) if extra else 0)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
