from dataclasses import replace

import pytest
import torch
from torch.nn.functional import scaled_dot_product_attention

from engine.models import attention, attention_scores
from engine.models.attention import Scoring, Segment, attend
from engine.models.rounding import rounds_once
from tests.models.plain_attention import plain_attention

ROW = (Segment(0, 9), Segment(9, 4), Segment(13, 1))
BRANCHES = (Segment(0, 8), Segment(8, 3, 0, 5), Segment(11, 2, 0, 8), Segment(13, 1))


def states(heads, groups, tokens, width=6, dtype=torch.float64, wide=None):
    torch.manual_seed(0)
    shapes = [(heads, tokens, width), (groups, tokens, width), (groups, tokens, wide or width)]
    return [torch.randn(shape, dtype=dtype).requires_grad_() for shape in shapes]


def with_gradients(function, inputs, parts, scoring):
    """What is found, and the gradients of a random weighting of it."""
    found = function(*inputs, parts, scoring)
    weighting = torch.randn(found.shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    gradients = torch.autograd.grad((found * weighting.to(found.dtype)).sum(), inputs)
    return [found.detach(), *gradients]


@pytest.mark.parametrize("block", [2, 3, 128])
@pytest.mark.parametrize("parts", [ROW, BRANCHES], ids=["row", "branches"])
@pytest.mark.parametrize("groups", [1, 2, 4])
@pytest.mark.parametrize(
    ("window", "cap"), [(None, None), (1, None), (3, None), (6, None), (None, 0.7), (4, 0.7), (50, 2.0)]
)
def test_it_is_attention_written_out_and_so_are_its_gradients(window, cap, groups, parts, block, monkeypatch):
    monkeypatch.setattr(attention, "_ROWS", block)
    monkeypatch.setattr(attention, "_FEWEST", block)
    scoring, inputs = Scoring(0.6, window, cap), states(4, groups, 14, wide=5)
    expected = with_gradients(plain_attention, inputs, parts, scoring)
    for found, wanted in zip(with_gradients(attend, inputs, parts, scoring), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("block", [2, 128])
@pytest.mark.parametrize(("window", "cap"), [(None, None), (3, None), (4, 0.7)])
def test_queries_that_are_not_asked_find_zeros_and_the_others_what_they_found(
    window, cap, block, monkeypatch
):
    monkeypatch.setattr(attention, "_ROWS", block)
    monkeypatch.setattr(attention, "_FEWEST", block)
    asked = {0: ((1, 4), (6, 8)), 8: ((2, 3),), 11: None, 13: ()}
    parts = tuple(replace(part, asked=asked[part.start]) for part in BRANCHES)
    rows = torch.tensor([1, 2, 3, 6, 7, 10, 11, 12])
    scoring, inputs = Scoring(0.6, window, cap), states(4, 2, 14, wide=5)

    def plain(*arguments):
        every = plain_attention(*arguments)
        return torch.zeros_like(every).index_copy(0, rows, every[rows])

    expected = with_gradients(plain, inputs, BRANCHES, scoring)
    for found, wanted in zip(with_gradients(attend, inputs, parts, scoring), expected, strict=True):
        torch.testing.assert_close(found, wanted, atol=1e-12, rtol=1e-10)


def by_torch(query, key, value, parts, scoring):
    """Each whole sequence through torch's own attention."""
    group, found = len(query) // len(key), []
    for part in parts:
        own = slice(part.start, part.start + part.length)
        keys, values = (each[:, own].repeat_interleave(group, dim=0) for each in (key, value))
        out = scaled_dot_product_attention(
            query[None, :, own], keys[None], values[None], is_causal=True, scale=scoring.scale
        )
        found.append(out[0].transpose(0, 1))
    return torch.cat(found)


LONG = (Segment(0, 200), Segment(200, 77))
LONG_BRANCHES = (Segment(0, 170), Segment(170, 60, 0, 120), Segment(230, 47, 0, 133))


def test_in_float32_it_agrees_with_torchs_own_to_a_millionth():
    inputs = states(6, 2, 277, 16, torch.float32)
    expected = with_gradients(by_torch, inputs, LONG, Scoring(0.25))
    for found, wanted in zip(with_gradients(attend, inputs, LONG, Scoring(0.25)), expected, strict=True):
        assert (found - wanted).abs().max() <= 1e-6 * wanted.abs().max()


def errors(function, inputs, parts, scoring):
    """How far what is found and each gradient are from what float64 gives for the same numbers, of their length."""
    exact = [each.detach().double().requires_grad_() for each in inputs]
    found, wanted = (
        with_gradients(do, states, parts, scoring) for do, states in ((function, inputs), (attend, exact))
    )
    return [
        ((one.double() - other).norm() / other.norm()).item()
        for one, other in zip(found, wanted, strict=True)
    ]


def narrow_states(times=1.0, off=0.0):
    """Queries, keys and values in bfloat16, of which queries and keys are `times` as large, and one number is `off`."""
    query, key, value = (each.detach() for each in states(6, 2, 277, 64, torch.float32))
    query, key = query * times, key * times
    if off:
        query[..., 0] = key[..., 0] = off
    return [each.bfloat16().requires_grad_() for each in (query, key, value)]


# Scores of about 1, 8, 16 and 70 either way, and such as are all near 50 or 200: what the rounding of scores would spoil.
HARD = [(0.125, 1, 0), (1.0, 1, 0), (0.125, 4, 0), (1.0, 3, 0), (0.125, 1, 20), (0.125, 1, 40)]


@pytest.mark.parametrize(("scale", "times", "off"), HARD)
def test_in_bfloat16_it_is_about_as_exact_as_torchs_own(scale, times, off):
    inputs = narrow_states(times, off)
    own, of_torch = (errors(each, inputs, LONG, Scoring(scale)) for each in (attend, by_torch))
    for one, other in zip(own, of_torch, strict=True):
        assert one < 1.5 * other


@pytest.mark.skipif(not rounds_once(), reason="this processor rounds products by themselves")
@pytest.mark.parametrize("window", [None, 100])
@pytest.mark.parametrize(("scale", "times", "off"), HARD)
def test_weights_formed_anew_in_bfloat16_are_as_good_as_those_of_float32(
    scale, times, off, window, monkeypatch
):
    inputs, scoring, found = narrow_states(times, off), Scoring(scale, window), []
    for is_there in (True, False):
        monkeypatch.setattr(attention_scores, "rounds_once", lambda is_there=is_there: is_there)
        found.append(errors(attend, inputs, LONG_BRANCHES, scoring))
    for shifted, wide in zip(*found, strict=True):
        assert shifted < 1.25 * wide


def test_where_products_are_rounded_by_themselves_weights_are_made_of_float32(monkeypatch):
    monkeypatch.setattr(attention_scores, "rounds_once", lambda: False)
    monkeypatch.setattr(attention, "shifted_scores", None)
    inputs = narrow_states()
    assert max(errors(attend, inputs, LONG, Scoring(0.125))) < 0.01


@pytest.mark.parametrize("cap", [None, 20.0])
def test_little_is_kept_but_queries_keys_and_values(cap, monkeypatch):
    monkeypatch.setattr(attention_scores, "rounds_once", lambda: True)
    inputs, kept = narrow_states(), []

    def keep(tensor):
        kept.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        attend(*inputs, LONG, Scoring(1.0, cap=cap))
    assert [each.data_ptr() for each in kept[:3]] == [each.data_ptr() for each in inputs]
    numbers = [each.numel() for each in kept[3:]]
    assert numbers == ([6 * 277] if cap is None else [])  # one for each head of each query


def test_autocast_does_not_make_its_scores_narrow():
    inputs = states(4, 2, 14, dtype=torch.float32)
    expected = attend(*inputs, ROW, Scoring(1.0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(attend(*inputs, ROW, Scoring(1.0)), expected)
