"""What holds for every loss of the cards. A new card fails here until it has a formula, limits, and a word on TRL."""

import importlib
import math
from dataclasses import dataclass, field
from types import ModuleType

import pytest
import torch

from engine.job.methods import METHODS
from engine.methods.feedback import AnswerLogps, feedback_loss
from engine.methods.pairs import PairLogps
from engine.methods.preference import preference_loss
from tests.methods.pairs import log_sigmoid, settings_of, sigmoid
from tests.train.reading_watch import ReadingWatch

LOSSES = [kind for kind, card in METHODS.items() if card.family in ("preference", "feedback")]
NO_FORMULA = "TRL has no such formula"


@dataclass(frozen=True)
class Case:
    """One loss in plain Python.

    `formula(c, r, n, m, b)`: of one pair, or of a good and a bad answer, with n and m tokens and beta b. c and r
    are log-ratios, or log-probabilities where there is no reference. `limit`: b ** `power` times the loss at c = 1,
    r = -2 and n = 2, m = 4, as b goes to 0. `at_equal`: the loss where the log-probabilities are equal, at b = 0.7.
    """

    formula: object
    limit: float
    at_equal: float
    settings: dict = field(default_factory=dict)
    power: int = 0
    trl: str = ""


def orpo(c, r, n, m, b):
    odds = [math.exp(p) / (1 - math.exp(p)) for p in (c / n, r / m)]
    return -c / n - b * log_sigmoid(math.log(odds[0] / odds[1]))


def exo(c, r, n, m, b):
    votes, own = (0.999, 0.001), (sigmoid(b * (c - r)), sigmoid(-b * (c - r)))
    return sum(p * math.log(p / q) for p, q in zip(own, votes, strict=True))


def discopop(c, r, n, m, b):
    mix = sigmoid(b * (c - r) / 0.05)
    return -(1 - mix) * log_sigmoid(b * (c - r)) + mix * math.exp(-b * (c - r))


COIN = math.log(2)
EXO_COIN = 0.5 * (math.log(0.5 / 0.999) + math.log(0.5 / 0.001))
CASES = {
    "dpo": Case(lambda c, r, n, m, b: -log_sigmoid(b * (c - r)), COIN, COIN),
    "ipo": Case(lambda c, r, n, m, b: (c / n - r / m - 1 / (2 * b)) ** 2, 1 / 4, 1 / 1.4**2, power=2),
    "hinge": Case(lambda c, r, n, m, b: max(0.0, 1 - b * (c - r)), 1.0, 1.0),
    "robust": Case(
        lambda c, r, n, m, b: (-0.9 * log_sigmoid(b * (c - r)) + 0.1 * log_sigmoid(b * (r - c))) / 0.8,
        COIN,
        COIN,
    ),
    "apo-zero": Case(lambda c, r, n, m, b: 1 - sigmoid(b * c) + sigmoid(b * r), 1.0, 1.0),
    "apo-down": Case(lambda c, r, n, m, b: sigmoid(b * c) + 1 - sigmoid(b * (c - r)), 1.0, 1.0),
    "bco-pair": Case(lambda c, r, n, m, b: -log_sigmoid(b * c) - log_sigmoid(-b * r), 2 * COIN, 2 * COIN),
    "nca-pair": Case(
        lambda c, r, n, m, b: -log_sigmoid(b * c) - 0.5 * log_sigmoid(-b * c) - 0.5 * log_sigmoid(-b * r),
        2 * COIN,
        2 * COIN,
    ),
    "sppo": Case(
        lambda c, r, n, m, b: (c - 1 / (2 * b)) ** 2 + (r + 1 / (2 * b)) ** 2, 1 / 2, 2 / 1.4**2, power=2
    ),
    "exo-pair": Case(exo, EXO_COIN, EXO_COIN),
    "discopop": Case(discopop, (COIN + 1) / 2, (COIN + 1) / 2),
    "dpo-reference-free": Case(lambda c, r, n, m, b: -log_sigmoid(b * (c - r)), COIN, COIN),
    "simpo": Case(
        lambda c, r, n, m, b: -log_sigmoid(b * (c / n - r / m) - 1.0), -log_sigmoid(-1.0), -log_sigmoid(-1.0)
    ),
    # The log-probabilities themselves are equal: -2 over 2 and over 4 tokens would not be equally likely.
    "orpo": Case(orpo, 0.5, 1.0 + 0.7 * COIN),
    "cpo": Case(lambda c, r, n, m, b: -log_sigmoid(b * (c - r)) - c / n, COIN + 0.5, COIN + 1.0),
    # A mean over two answers, the baseline 0.
    "kto": Case(lambda c, r, n, m, b: (sigmoid(-b * c) + sigmoid(b * r)) / 2, 0.5, 0.5),
    "bco": Case(
        lambda c, r, n, m, b: -(log_sigmoid(b * c) + log_sigmoid(-b * r)) / 2, COIN, COIN, trl=NO_FORMULA
    ),
}
"""TRL 1.16 has no BCO for single answers; it has the one over pairs, see the last test."""


def loss_of(kind, chosen, rejected, tokens=(2.0, 4.0), **changes):
    """The mean loss of one pair in float64. With a reference the numbers are log-ratios to one of -50."""
    card, base = METHODS[kind], -50.0 if METHODS[kind].needs_reference else 0.0
    logps = torch.tensor([[chosen, rejected]], dtype=torch.float64) + base
    before, counts = torch.full_like(logps, base), torch.tensor([tokens], dtype=torch.float64)
    settings = settings_of(kind, **(CASES[kind].settings | changes))
    if card.family == "feedback":
        parts = [AnswerLogps(values[0], counts[0]) for values in (logps, before)]
        return feedback_loss(kind, *parts, torch.tensor([True, False]), settings).mean().item()
    policy, start = (PairLogps(*values.unbind(1), *counts.unbind(1)) for values in (logps, before))
    return preference_loss(kind, policy, start if card.needs_reference else None, settings).mean().item()


def numbers(kind):
    """Log-ratios, or log-probabilities that differ as these do and are below zero."""
    return (1.0, -2.0) if METHODS[kind].needs_reference else (-1.0, -4.0)


def test_every_loss_has_a_case_and_every_case_a_loss():
    assert set(CASES) == set(LOSSES)


@pytest.mark.parametrize("beta", [0.1, 0.7])
@pytest.mark.parametrize("kind", LOSSES)
def test_a_pair_and_the_swapped_pair_have_the_value_of_the_plain_formula(kind, beta):
    c, r = numbers(kind)
    formula = CASES[kind].formula
    assert loss_of(kind, c, r, beta=beta) == pytest.approx(formula(c, r, 2, 4, beta), rel=1e-12)
    turned = loss_of(kind, r, c, tokens=(4.0, 2.0), beta=beta)
    assert turned == pytest.approx(formula(r, c, 4, 2, beta), rel=1e-12)
    assert turned != pytest.approx(loss_of(kind, c, r, beta=beta), rel=1e-3)


@pytest.mark.parametrize("kind", LOSSES)
def test_as_beta_goes_to_zero_only_what_does_not_depend_on_it_is_left(kind):
    beta, case = 1e-8, CASES[kind]
    found = beta**case.power * loss_of(kind, *numbers(kind), beta=beta)
    assert found == pytest.approx(case.limit, rel=1e-6)


@pytest.mark.parametrize("kind", LOSSES)
def test_no_loss_asks_for_a_number(kind):
    """On a device of its own that would make the program wait for it in the middle of an update."""
    with ReadingWatch() as watch:
        loss_of(kind, *numbers(kind))
    assert watch.seen == ["aten::_local_scalar_dense"]  # our own, of the mean


@pytest.mark.parametrize("kind", LOSSES)
def test_equal_log_probabilities(kind):
    equal = 0.0 if METHODS[kind].needs_reference else -2.0
    tokens = (2.0, 4.0) if METHODS[kind].needs_reference else (2.0, 2.0)
    found = loss_of(kind, equal, equal, tokens=tokens, beta=0.7)
    assert found == pytest.approx(CASES[kind].at_equal, rel=1e-12)


def taken(module: ModuleType, test: str) -> set[str]:
    """The kinds that a test of a module runs through."""
    marks = [mark for mark in vars(module)[test].pytestmark if mark.name == "parametrize"]
    names = next(mark for mark in marks if "kind" in mark.args[0])
    values = names.args[1]
    return {value if isinstance(value, str) else value[0] for value in values}


@pytest.mark.parametrize(
    "test",
    ["test_gradient_agrees_with_finite_differences", "test_precision_is_float32_at_least_and_float64_stays"],
)
def test_every_loss_goes_through(test):
    modules = [importlib.import_module(f"tests.methods.test_{name}") for name in ("preference", "feedback")]
    assert set().union(*(taken(module, test) for module in modules)) == set(LOSSES)


def test_every_loss_is_held_against_trl_or_says_why_not():
    module = importlib.import_module("tests.methods.test_trl")
    compared = taken(module, "test_losses_with_a_reference_equal_those_of_trl")
    compared |= taken(module, "test_losses_without_a_reference_equal_those_of_trl")
    compared |= {"kto"} if hasattr(module, "test_kto_equals_that_of_trl") else set()
    compared |= {"orpo"} if hasattr(module, "test_orpos_odds_ratio_equals_that_of_trl") else set()
    assert compared == {kind for kind in LOSSES if not CASES[kind].trl}


def test_bco_of_a_good_and_a_bad_answer_is_that_of_their_pair():
    """And bco-pair equals TRL's: so BCO is held against it, too, without its running middle."""
    assert 2 * loss_of("bco", 1.0, -2.0, beta=0.3) == pytest.approx(loss_of("bco-pair", 1.0, -2.0, beta=0.3))
