import pytest
import torch

from engine.models import rounding
from engine.models.rounding import rounds_once


@pytest.fixture(autouse=True)
def _forget():
    rounds_once.cache_clear()
    yield
    rounds_once.cache_clear()


def rounding_twice(start, left, right, *, alpha):
    """The product rounded by itself, then added."""
    return start + (alpha * (left.float() @ right.float())).to(left.dtype)


def rounding_last(start, left, right, *, alpha):
    return (start.float() + alpha * (left.float() @ right.float())).to(left.dtype)


def quick(monkeypatch):
    monkeypatch.setattr(rounding, "_is_quick", lambda: True)


@pytest.mark.parametrize("name", ["addmm", "baddbmm"])
def test_a_product_that_is_rounded_before_the_sum_is_noticed(name, monkeypatch):
    quick(monkeypatch)
    monkeypatch.setattr(rounding.torch, name, rounding_twice)
    assert not rounds_once()


def test_a_processor_that_rounds_the_sum_alone_is_taken(monkeypatch):
    quick(monkeypatch)
    for name in ("addmm", "baddbmm"):
        monkeypatch.setattr(rounding.torch, name, rounding_last)
    assert rounds_once()


def test_a_processor_without_quick_bfloat16_is_left(monkeypatch):
    monkeypatch.setattr(rounding, "_is_quick", lambda: False)
    assert not rounds_once()


def test_under_autocast_it_says_the_same():
    expected = rounds_once()
    rounds_once.cache_clear()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert rounds_once() == expected
