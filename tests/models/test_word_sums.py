"""Sums over the vocabulary, tile by tile, against the same from all logits at once."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from engine.models import tiles
from engine.models.rounding import rounds_once
from engine.models.tiles import Bend, Plan
from engine.models.word_sums import word_sums

BENDS = {
    "plain": Bend(),
    "scaled": Bend(scale=0.25),
    "capped": Bend(cap=3.0),
    "scaled and capped": Bend(scale=2.0, cap=3.0),
}
every_bend = pytest.mark.parametrize("bend", BENDS.values(), ids=BENDS)


@pytest.fixture(autouse=True)
def _narrow_tiles(monkeypatch):
    monkeypatch.setitem(tiles._WIDTHS, "cpu", (7, 7))


def numbers(rows=5, words=23, width=4, seed=0, dtype=torch.float64):
    """Hidden states, weights, bias, targets; 23 words are three tiles of seven and two words."""
    generator = torch.Generator().manual_seed(seed)
    hidden, weight, bias = (
        torch.randn(shape, generator=generator, dtype=torch.float64).to(dtype)
        for shape in ((rows, width), (words, width), (words,))
    )
    return hidden, weight, bias, torch.randint(words, (rows,), generator=generator)


def from_all_logits(hidden, weight, bias, targets, bend, left_out=()):
    """The same three, every number written out."""
    z = hidden @ weight.T + (0 if bias is None else bias)
    y = bend.scale * z if bend.cap is None else bend.cap * torch.tanh(bend.scale * z / bend.cap)
    counted = [word for word in range(len(weight)) if word not in left_out]
    return y[range(len(y)), targets], y[:, counted].logsumexp(1), y[:, counted].sum(1)


@every_bend
@pytest.mark.parametrize("with_bias", [True, False])
@pytest.mark.parametrize("is_learned", [True, False])
@pytest.mark.parametrize("left_out", [(), (0, 6, 7, 22), tuple(range(7))])
def test_tiles_give_what_all_logits_give(bend, with_bias, is_learned, left_out):
    hidden, weight, bias, targets = numbers()
    bias = bias if with_bias else None
    leaves = [part for part in (hidden, *((weight, bias) if is_learned else ())) if part is not None]
    for leaf in leaves:
        leaf.requires_grad_()
    plan = Plan(bend, torch.float64, torch.tensor(left_out) if left_out else None, average=True)
    by = torch.randn(3, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    expected = from_all_logits(hidden, weight, bias, targets, bend, left_out)
    found = word_sums(hidden, weight, bias, targets, plan)
    torch.testing.assert_close(torch.stack(found), torch.stack(expected), rtol=1e-12, atol=1e-12)
    wanted = torch.autograd.grad((torch.stack(expected) * by).sum(), leaves)
    got = torch.autograd.grad((torch.stack(found) * by).sum(), leaves)
    for ours, theirs in zip(got, wanted, strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-11, atol=1e-12)


@every_bend
@pytest.mark.parametrize("is_learned", [True, False])
def test_gradients_agree_with_finite_differences(bend, is_learned):
    hidden, weight, bias, targets = numbers(rows=3, words=9)
    plan = Plan(bend, torch.float64, average=True)
    leaves = (hidden, weight, bias) if is_learned else (hidden,)
    for leaf in leaves:
        leaf.requires_grad_()
    rest = () if is_learned else (weight, bias)
    assert torch.autograd.gradcheck(lambda *given: word_sums(*given, *rest, targets, plan), leaves)


@pytest.mark.parametrize("rows", [0, 1])
@pytest.mark.parametrize("is_learned", [True, False])
def test_no_row_and_a_single_one_are_no_exception(rows, is_learned):
    hidden, weight, _, targets = numbers(rows=rows)
    hidden.requires_grad_()
    weight.requires_grad_(is_learned)
    target, normalizer, total = word_sums(hidden, weight, None, targets, Plan(Bend(), torch.float64))
    assert target.shape == normalizer.shape == (rows,)
    assert total is None
    normalizer.sum().backward()
    wanted = (hidden @ weight.T).softmax(1) @ weight
    torch.testing.assert_close(hidden.grad, wanted.detach())
    assert not is_learned or weight.grad.shape == weight.shape


def test_scores_far_beyond_an_exponentials_range_stay_exact():
    hidden, weight = torch.tensor([[1000.0]]), torch.arange(-11.0, 12).unsqueeze(1)
    _, normalizer, _ = word_sums(hidden, weight, None, torch.tensor([3]), Plan(Bend(), torch.float32))
    assert normalizer.item() == 11000  # all others are 1000 less
    _, normalizer, _ = word_sums(-hidden, weight, None, torch.tensor([3]), Plan(Bend(), torch.float32))
    assert normalizer.item() == 11000


class Largest(TorchDispatchMode):
    """Notes how many numbers the largest tensor has that comes out of an operation."""

    numbers = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        out = function(*args, **(kwargs or {}))
        for part in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(part, torch.Tensor):
                self.numbers = max(self.numbers, part.numel())
        return out


@pytest.mark.parametrize("is_learned", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_scores_of_all_words_are_never_held(is_learned, dtype):
    hidden, weight, _, targets = numbers(rows=50, words=300, dtype=dtype)
    hidden.requires_grad_()
    weight.requires_grad_(is_learned)
    rounds_once()  # tried out on numbers of its own
    with Largest() as largest:
        target, normalizer, total = word_sums(
            hidden, weight, None, targets, Plan(Bend(), dtype, average=True)
        )
        (target - normalizer + total).sum().backward()
    assert largest.numbers <= weight.numel() == 1200  # a tile of scores has 350, all scores 15,000


@pytest.mark.parametrize("is_grad_wanted", [True, False])
def test_gradients_are_formed_on_the_way_only_where_they_are_wanted(is_grad_wanted):
    hidden, weight, _, targets = numbers(rows=50)
    hidden.requires_grad_(is_grad_wanted)
    products = []

    class Products(TorchDispatchMode):
        def __torch_dispatch__(self, function, types, args=(), kwargs=None):
            if function is torch.ops.aten.mm.default:
                products.append(args)
            return function(*args, **(kwargs or {}))

    with Products():
        word_sums(hidden, weight, None, targets, Plan(Bend(), torch.float64))
    assert len(products) == 4 * (2 if is_grad_wanted else 1)  # four tiles


def of_real_size(dtype=torch.bfloat16):
    """Hidden states and weights whose scores spread by 4.5, and targets that are likely."""
    generator = torch.Generator().manual_seed(0)
    hidden = torch.randn(24, 64, generator=generator).to(dtype)
    weight = (torch.randn(32000, 64, generator=generator) * 4.5 / 8).to(dtype)
    targets = (hidden.float() @ weight.float().T).topk(24).indices.diagonal()
    return hidden, weight, targets


@pytest.mark.parametrize("is_learned", [True, False])
def test_bfloat16_is_exact_to_two_thousandths_of_a_nat(monkeypatch, is_learned):
    monkeypatch.setitem(tiles._WIDTHS, "cpu", (1024, 4096))
    hidden, weight, targets = of_real_size()
    exact, matrix = (part.double().requires_grad_() for part in (hidden, weight))
    wanted = (exact @ matrix.T).log_softmax(1)[range(24), targets]
    by = torch.linspace(-1, 1, 24)
    wanted_slopes = torch.autograd.grad((wanted * by).sum(), (exact, matrix))
    leaves = (hidden.requires_grad_(), weight.requires_grad_(is_learned))[: 1 + is_learned]
    target, normalizer, _ = word_sums(hidden, weight, None, targets, Plan(Bend(), torch.bfloat16))
    assert target.dtype == normalizer.dtype == torch.float32
    assert (target - normalizer - wanted).abs().max() < 2e-3
    slopes = torch.autograd.grad(((target - normalizer) * by).sum(), leaves)
    for ours, theirs in zip(slopes, wanted_slopes, strict=False):
        assert ours.dtype == torch.bfloat16
        assert (ours - theirs).norm() / theirs.norm() < 0.01


def test_float32_is_exact_to_a_millionth(monkeypatch):
    monkeypatch.setitem(tiles._WIDTHS, "cpu", (1024, 4096))
    hidden, weight, targets = of_real_size(torch.float32)
    exact = hidden.double().requires_grad_()
    wanted = (exact @ weight.double().T).log_softmax(1)[range(24), targets]
    wanted.sum().backward()
    hidden.requires_grad_()
    target, normalizer, _ = word_sums(hidden, weight, None, targets, Plan(Bend(), torch.float32))
    (target - normalizer).sum().backward()
    torch.testing.assert_close((target - normalizer).double(), wanted, rtol=1e-6, atol=1e-5)
    assert (hidden.grad - exact.grad).norm() / exact.grad.norm() < 1e-6


def test_torchs_own_setting_for_products_is_left_as_it_was():
    before = torch.backends.mkldnn.matmul.fp32_precision
    word_sums(*numbers(dtype=torch.bfloat16)[:2], None, torch.zeros(5).long(), Plan(Bend(), torch.bfloat16))
    assert torch.backends.mkldnn.matmul.fp32_precision == before
