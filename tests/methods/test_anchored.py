import math

import pytest
import torch

from engine.job.errors import JobError
from engine.job.methods import METHODS, DpoSettings
from engine.methods.anchored import ANCHORED
from engine.methods.pairs import PairLogps
from engine.methods.preference import preference_loss
from tests.methods.pairs import log_sigmoid, pairs, random_pairs, settings_of, sigmoid

POLICY, REFERENCE = pairs([-2.0], [-6.0]), pairs([-3.0], [-4.0])
"""Log-ratios 1 and -2, so d = 3; answers of 2 and 4 tokens."""


def loss_of(kind, policy=POLICY, reference=REFERENCE, **changes):
    return preference_loss(kind, policy, reference, settings_of(kind, **changes)).mean().item()


def test_equal_log_probs_leave_it_to_a_coin():
    policy = pairs([-3.0, -7.0], [-5.0, -1.0])
    loss = preference_loss("dpo", policy, policy, DpoSettings())
    assert loss.mean().item() == pytest.approx(math.log(2))  # sigmoid(0) = 1/2
    assert loss.sum.item() == pytest.approx(2 * math.log(2))
    assert loss.count == 2


@pytest.mark.parametrize(
    ("kind", "changes", "expected"),
    [
        ("dpo", {"beta": 0.1}, -log_sigmoid(0.3)),
        ("dpo", {"beta": 0.1, "label_smoothing": 0.25}, -0.75 * log_sigmoid(0.3) - 0.25 * log_sigmoid(-0.3)),
        ("dpo", {"beta": 2.0, "length_normalized": True}, -log_sigmoid(2 * (1 / 2 + 2 / 4))),
        ("ipo", {"beta": 0.25}, (1 / 2 + 2 / 4 - 2) ** 2),
        ("hinge", {"beta": 0.1}, 0.7),
        ("hinge", {"beta": 0.5}, 0.0),
        (
            "robust",
            {"beta": 0.1, "label_smoothing": 0.2},
            (-0.8 * log_sigmoid(0.3) + 0.2 * log_sigmoid(-0.3)) / 0.6,
        ),
        ("apo-zero", {"beta": 0.1}, 1 - sigmoid(0.1) + sigmoid(-0.2)),
        ("apo-down", {"beta": 0.1}, sigmoid(0.1) + 1 - sigmoid(0.3)),
        ("bco-pair", {"beta": 0.1}, -log_sigmoid(0.1) - log_sigmoid(0.2)),
        ("nca-pair", {"beta": 0.1}, -log_sigmoid(0.1) - 0.5 * log_sigmoid(-0.1) - 0.5 * log_sigmoid(0.2)),
        ("sppo", {"beta": 0.25}, (1 - 2) ** 2 + (-2 + 2) ** 2),
        (
            "exo-pair",
            {"beta": 0.1, "label_smoothing": 0.2},
            sigmoid(0.3) * (log_sigmoid(0.3) - math.log(0.8))
            + sigmoid(-0.3) * (log_sigmoid(-0.3) - math.log(0.2)),
        ),
        (
            "discopop",
            {"beta": 0.1, "tau": 0.5},
            -(1 - sigmoid(0.6)) * log_sigmoid(0.3) + sigmoid(0.6) * math.exp(-0.3),
        ),
    ],
)
def test_values_worked_out_by_hand(kind, changes, expected):
    assert loss_of(kind, **changes) == pytest.approx(expected, rel=1e-5, abs=1e-7)


COIN = {
    "dpo": math.log(2),
    "hinge": 1.0,
    "robust": math.log(2),
    "apo-zero": 1.0,
    "apo-down": 1.0,
    "bco-pair": 2 * math.log(2),
    "nca-pair": 2 * math.log(2),
    "discopop": (math.log(2) + 1) / 2,
    "exo-pair": 0.5 * (math.log(0.5 / 0.999) + math.log(0.5 / 0.001)),
}


@pytest.mark.parametrize("kind", COIN)
def test_without_a_beta_every_pair_is_a_coins_toss(kind):
    assert loss_of(kind, beta=1e-12) == pytest.approx(COIN[kind], rel=1e-5)


@pytest.mark.parametrize("kind", COIN)
def test_a_policy_equal_to_its_reference_knows_nothing(kind):
    assert loss_of(kind, POLICY, POLICY) == pytest.approx(COIN[kind], rel=1e-5)


@pytest.mark.parametrize("kind", ["ipo", "sppo"])
def test_the_squared_losses_vanish_at_their_goal(kind):
    goal = 1 / (2 * 0.25)
    # IPO asks for 2 between the means per token (2 and 4 tokens), SPPO for +2 and -2.
    ratios = {"ipo": (2.0, -4.0), "sppo": (goal, -goal)}[kind]
    assert loss_of(kind, pairs([ratios[0]], [ratios[1]]), pairs([0.0], [0.0]), beta=0.25) == 0.0


@pytest.mark.parametrize("kind", ["dpo", "robust"])
def test_swapping_a_pair_changes_the_logistic_losses_by_their_margin(kind):
    changes = {"label_smoothing": 0.0} if kind == "robust" else {}
    policy, reference = random_pairs(seed=1), random_pairs(seed=2)
    turned = [
        PairLogps(p.rejected, p.chosen, p.rejected_tokens, p.chosen_tokens) for p in (policy, reference)
    ]
    loss = preference_loss(kind, policy, reference, settings_of(kind, **changes))
    other = preference_loss(kind, *turned, settings_of(kind, **changes))
    # -log S(m) + log S(-m) = -m
    assert loss.sum.item() - other.sum.item() == pytest.approx(-loss.metrics["reward_margin"][0].item())


def test_robust_dpo_is_unbiased_under_flipped_votes():
    policy, reference = random_pairs(seed=1), random_pairs(seed=2)
    turned = [
        PairLogps(p.rejected, p.chosen, p.rejected_tokens, p.chosen_tokens) for p in (policy, reference)
    ]
    straight = preference_loss("robust", policy, reference, settings_of("robust", label_smoothing=0.3)).sum
    flipped = preference_loss("robust", *turned, settings_of("robust", label_smoothing=0.3)).sum
    clean = preference_loss("dpo", policy, reference, DpoSettings()).sum
    assert (0.7 * straight + 0.3 * flipped).item() == pytest.approx(clean.item())


def test_ld_dpo_weighs_what_stands_beyond_the_shorter_answer():
    shared = {"chosen_shared": torch.tensor([-2.0]), "rejected_shared": torch.tensor([-4.0])}
    policy = PairLogps(POLICY.chosen, POLICY.rejected, POLICY.chosen_tokens, POLICY.rejected_tokens, **shared)
    before = PairLogps(
        REFERENCE.chosen,
        REFERENCE.rejected,
        REFERENCE.chosen_tokens,
        REFERENCE.rejected_tokens,
        torch.tensor([-3.0]),
        torch.tensor([-1.0]),
    )
    # rejected: policy -4 + 0.5 * -2 = -5, reference -1 + 0.5 * -3 = -2.5; chosen 1 as before
    assert loss_of("dpo", policy, before, beta=0.1, ld_alpha=0.5) == pytest.approx(
        -log_sigmoid(0.1 * (1 + 2.5))
    )
    assert loss_of("dpo", policy, before, beta=0.1) == pytest.approx(-log_sigmoid(0.3))


def test_ld_dpo_without_the_common_length_is_refused():
    with pytest.raises(JobError, match="common length"):
        loss_of("dpo", ld_alpha=0.5)


def test_experts_stand_apart():
    experts = {kind for kind in ANCHORED if METHODS[kind].expert}
    assert experts == {"apo-down", "bco-pair", "nca-pair", "sppo", "exo-pair", "discopop"}
