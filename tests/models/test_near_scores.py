"""Scores near a row's largest, made in bfloat16, against float64."""

import pytest
import torch

from engine.models import tiles
from engine.models.near_scores import NearScores
from engine.models.rounding import rounds_once
from engine.models.tiles import Bend, Plan
from engine.models.word_sums import word_sums


def numbers(rows=48, words=4096, width=64, spread=4.5):
    """Rows and words whose scores spread by so much."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(rows, width, generator=generator).bfloat16()
    weight = (torch.randn(words, width, generator=generator) * spread / width**0.5).bfloat16()
    return hidden, weight


def test_a_score_has_no_larger_error_than_its_distance_from_the_largest_gives_it():
    hidden, weight = numbers()
    exact = hidden.double() @ weight.double().T
    near = NearScores(hidden)
    found = [near.of(tile) for tile in weight.split(1024)]
    largest = torch.stack([part.amax(1) for part in exact.split(1024, dim=1)]).cummax(0).values
    distance = torch.cat(
        [(part - top.unsqueeze(1)).abs() for part, top in zip(exact.split(1024, 1), largest, strict=True)], 1
    )
    error = (torch.cat(found, dim=1).double() - exact).abs()
    # What is taken away is itself rounded, and may be as far below the largest as a rise that is let pass.
    allowed = (distance + 1 + exact.abs().amax() / 256) / 256
    assert not rounds_once() or (error <= allowed).all()
    assert (error[:, :1024] < 1e-4).all()  # the first tile, in float32


def test_rows_whose_scores_rise_far_are_made_in_float32():
    hidden, weight = numbers(rows=64)
    weight[1024:] *= 2
    near = NearScores(hidden)
    first, second = near.of(weight[:1024]), near.of(weight[1024:2048])
    wide = hidden.float() @ weight[1024:2048].float().T
    rising = (wide.amax(1) - first.amax(1)) > 1.2
    assert rising.sum() > 20
    torch.testing.assert_close(second[rising], wide[rising], rtol=1e-6, atol=1e-5)


@pytest.mark.parametrize("words", [1, 3, 1023])
def test_a_small_tile_is_made_in_float32(words):
    hidden, weight = numbers(rows=2)
    near = NearScores(hidden)
    near.of(weight[:1024])
    wide = hidden.float() @ weight[1024 : 1024 + words].float().T
    torch.testing.assert_close(near.of(weight[1024 : 1024 + words]), wide, rtol=1e-6, atol=1e-5)


def test_what_is_no_number_stays_none():
    hidden, weight = numbers(rows=64)
    hidden[3] = torch.nan
    near = NearScores(hidden)
    scores = torch.cat([near.of(tile) for tile in weight.split(1024)], 1)
    assert scores.isnan().all(1).nonzero().tolist() == [[3]]


@pytest.mark.parametrize(
    ("plan", "bias"),
    [
        (Plan(Bend(), torch.bfloat16), torch.zeros(4096, dtype=torch.bfloat16)),
        (Plan(Bend(scale=0.5), torch.bfloat16), None),
        (Plan(Bend(cap=30.0), torch.bfloat16), None),
        (Plan(Bend(), torch.float32), None),
    ],
)
def test_a_head_with_more_behind_it_is_summed_in_float32(monkeypatch, plan, bias):
    monkeypatch.setattr(tiles, "NearScores", None)
    hidden, weight = numbers()
    targets = torch.arange(len(hidden))
    target, _, _ = word_sums(hidden, weight, bias, targets, plan)
    assert target.isfinite().all()


@pytest.mark.parametrize("is_able", [True, False])
def test_it_is_the_way_of_processors_that_round_once_and_have_nothing_quicker(monkeypatch, is_able):
    monkeypatch.setattr(tiles, "rounds_once", lambda: is_able)
    monkeypatch.setattr(tiles, "has_matrix_units", lambda: False)
    hidden, weight = numbers()
    asked = []
    monkeypatch.setattr(tiles, "NearScores", lambda rows: asked.append(rows) or NearScores(rows))
    word_sums(hidden, weight, None, torch.arange(len(hidden)), Plan(Bend(), torch.bfloat16))
    assert len(asked) == is_able
