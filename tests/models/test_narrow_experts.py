"""Experts held in 32 bits follow autocast, as other layers do; without it nothing changes."""

import json

import pytest
import torch

from engine.job.adapters import FullSettings
from engine.models.adapters import save_adapter, train_all
from tests.models.all_families import model_of
from tests.models.every_adapter import IDS, logits
from tests.models.tiny_models import tiny_model

MIXTURES = ["mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]


@pytest.fixture
def products(monkeypatch):
    """The numbers in which grouped products were computed."""
    plain, seen = torch.nn.functional.grouped_mm, []

    def noted(inputs, weights, **options):
        seen.append((inputs.dtype, weights.dtype))
        return plain(inputs, weights, **options)

    monkeypatch.setattr(torch.nn.functional, "grouped_mm", noted)
    return seen


@pytest.mark.parametrize("family", MIXTURES)
def test_under_autocast_products_are_narrow_and_gradients_wide(family, products):
    model = train_all(model_of(family), FullSettings())
    with torch.autocast("cpu", torch.bfloat16):
        loss = model(input_ids=IDS).logits.float().logsumexp(-1).mean()
    loss.backward()
    assert set(products) == {(torch.bfloat16, torch.bfloat16)}
    for name, weight in model.named_parameters():
        if ".experts." in name:
            assert weight.dtype == weight.grad.dtype == torch.float32
            assert weight.grad.abs().max() > 0


@pytest.mark.parametrize("family", MIXTURES)
def test_without_autocast_the_numbers_are_the_very_same(family, products):
    before = logits(model_of(family))
    assert torch.equal(logits(train_all(model_of(family), FullSettings())), before)
    assert set(products) == {(torch.float32, torch.float32)}


def test_narrow_experts_are_close_to_wide_ones():
    """Judged by the mean: near ties in the router fall either way in 16 bits."""
    model = train_all(model_of("mixtral"), FullSettings())
    wide = logits(model)
    with torch.autocast("cpu", torch.bfloat16):
        narrow = logits(model).float()
    assert (narrow - wide).abs().mean() < 0.05 * wide.std()


def test_a_saved_model_says_nothing_of_it(tmp_path):
    save_adapter(train_all(model_of("mixtral"), FullSettings()), tmp_path, torch.float32)
    assert "narrow" not in json.dumps(json.loads((tmp_path / "config.json").read_text()))


def test_a_dense_model_is_left_alone():
    model = tiny_model()
    before = model.config._experts_implementation
    assert train_all(model, FullSettings()).config._experts_implementation == before
