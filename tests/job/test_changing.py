import pytest

from engine.job.changing import change_problem, field_of


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("learning_rate", "learning_rate"),
        ("train.learning_rate", "learning_rate"),
        ("balance", "balance"),
        ("moe.balance", "balance"),
        ("train.balance", "train.balance"),
        ("epochs", "epochs"),
    ],
)
def test_a_field_is_known_with_and_without_its_section(name, field):
    assert field_of(name) == field


@pytest.mark.parametrize(("field", "value"), [("learning_rate", 1e-4), ("balance", 0.0), ("balance", 1.0)])
def test_what_can_be_changed_has_no_problem(field, value):
    assert change_problem(field, value, learns_routing=True) == ""


@pytest.mark.parametrize(
    ("field", "value"), [("learning_rate", 0.0), ("balance", 1.5), ("balance", -0.1), ("epochs", 1.0)]
)
def test_what_cannot_says_what_can(field, value):
    assert "balance to one from 0 to 1" in change_problem(field, value, learns_routing=True)


def test_balance_is_refused_with_its_reason_where_no_router_learns():
    assert "No router learns" in change_problem("balance", 0.1, learns_routing=False)
