import math

import pytest
import torch

from engine.job.sections import TrainSection
from engine.train.optimizer import Optimizer, rate_at


def test_warm_up_rises_evenly_and_reaches_the_peak_after_it():
    rates = [rate_at(step, 10, 1.0, 0.3, "constant") for step in range(1, 6)]
    assert rates == [pytest.approx(value) for value in (1 / 4, 2 / 4, 3 / 4, 1.0, 1.0)]


def test_linear_falls_to_zero_just_after_the_last_update():
    assert [rate_at(step, 4, 1.0, 0.0, "linear") for step in (1, 2, 3, 4)] == [1.0, 0.75, 0.5, 0.25]


def test_cosine_is_half_in_the_middle():
    assert rate_at(1, 10, 2.0, 0.0, "cosine") == 2.0
    assert rate_at(6, 10, 2.0, 0.0, "cosine") == pytest.approx(1.0)
    assert 0 < rate_at(10, 10, 2.0, 0.0, "cosine") < 0.1


def optimizer(clip=0.0, decay=0.0, values=(3.0, -4.0)):
    weight = torch.nn.Parameter(torch.tensor([list(values)]))
    return weight, Optimizer({"w": weight}, TrainSection(clip=clip, weight_decay=decay))


def test_the_first_step_of_adamw_moves_every_weight_by_the_rate():
    weight, adamw = optimizer()
    weight.grad = torch.tensor([[0.5, -8.0]])  # mean / sqrt(mean of squares) = sign, whatever the size
    adamw.correct(0.1, adamw.norm())
    torch.testing.assert_close(weight.detach(), torch.tensor([[2.9, -3.9]]))


def test_decay_pulls_matrices_and_spares_vectors():
    matrix, vector = torch.nn.Parameter(torch.ones(1, 1)), torch.nn.Parameter(torch.ones(1))
    adamw = Optimizer({"m": matrix, "v": vector}, TrainSection(weight_decay=0.5))
    matrix.grad, vector.grad = torch.zeros(1, 1), torch.zeros(1)
    adamw.correct(0.1, adamw.norm())
    assert matrix.item() == pytest.approx(1 - 0.1 * 0.5)
    assert vector.item() == 1.0


def test_gradients_longer_than_the_limit_are_cut_to_it():
    weight, adamw = optimizer(clip=1.0)
    weight.grad = torch.tensor([[3.0, 4.0]])
    norm = adamw.norm()
    assert norm == 5.0
    adamw.correct(0.0, norm)
    torch.testing.assert_close(weight.grad, torch.tensor([[0.6, 0.8]]))


def test_zero_never_cuts():
    weight, adamw = optimizer(clip=0.0)
    weight.grad = torch.tensor([[3e3, 4e3]])
    adamw.correct(0.0, adamw.norm())
    assert weight.grad.norm() == 5e3


def test_gradients_of_a_sum_become_those_of_the_mean():
    weight, adamw = optimizer()
    weight.grad = torch.tensor([[3.0, 6.0]])
    adamw.divide_gradients(3.0)
    assert weight.grad.tolist() == [[1.0, 2.0]]


def test_restored_it_goes_on_as_if_never_stopped():
    def steps(weight, adamw, count):
        for number in range(count):
            weight.grad = torch.tensor([[0.3 + number, -0.7]])
            adamw.correct(0.01, adamw.norm())

    whole, adamw = optimizer()
    steps(whole, adamw, 2)
    saved = {name: value.clone() for name, value in adamw.state().items()}
    assert set(saved) == {"step/w", "exp_avg/w", "exp_avg_sq/w"}
    other, resumed = optimizer(values=whole.detach()[0].tolist())
    resumed.restore(saved)
    steps(whole, adamw, 3)
    steps(other, resumed, 3)
    assert torch.equal(whole, other)


def test_moments_of_an_unknown_weight_are_refused():
    with pytest.raises(KeyError):
        optimizer()[1].restore({"exp_avg/other": torch.zeros(1)})


def test_a_rate_is_a_finite_positive_number_all_along():
    for schedule in ("cosine", "linear", "constant"):
        for warmup in (0.0, 0.03, 0.9):
            rates = [rate_at(step, 7, 1e-3, warmup, schedule) for step in range(1, 8)]
            assert all(0 < rate <= 1e-3 and math.isfinite(rate) for rate in rates)
