import pytest
import torch

from engine.methods.loss import Loss, add_up, mean_where


def test_the_mean_is_the_sum_over_the_count():
    assert Loss(torch.tensor(6.0), 4.0).mean().item() == 1.5


def test_micro_batches_weigh_by_their_counts():
    parts = [
        Loss(torch.tensor(2.0), 1.0, {"accuracy": (torch.tensor(1.0), 1.0)}),
        Loss(torch.tensor(1.0), 3.0, {"accuracy": (torch.tensor(0.0), 3.0)}),
    ]
    total = add_up(parts)
    assert total.loss == pytest.approx(3 / 4)
    assert total.count == 4
    assert total.metrics == {"accuracy": pytest.approx(1 / 4)}


def test_a_mean_over_some_leaves_the_others_out_whatever_they_are():
    values, chosen = torch.tensor([1.0, float("nan"), 4.0]), torch.tensor([True, False, True])
    assert add_up([Loss(torch.tensor(0.0), 1.0, {"x": mean_where(chosen, values)})]).metrics == {"x": 2.5}
    none = torch.zeros(3, dtype=torch.bool)
    assert add_up([Loss(torch.tensor(0.0), 1.0, {"x": mean_where(none, values)})]).metrics == {}
