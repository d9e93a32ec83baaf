"""A tile of the vocabulary at a time: scores of its words, and products with its weights, in numbers wide enough."""

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.models.near_scores import NearScores
from engine.models.rounding import has_matrix_units, rounds_once

# Numbers of a tile's scores: few enough for a processor's cache, many enough to keep a GPU busy. Tiles of 1024 to 4096
# words took the same time on two cores (N from 64 to 1280, D 512 and 896).
_NUMBERS = {"cpu": 2**21, "cuda": 2**25}
_WIDTHS = {"cpu": (1024, 4096), "cuda": (4096, 32768)}


@dataclass(frozen=True)
class Bend:
    """What a model does to its head's products z before they are scores y: scale z, or cap tanh(scale z / cap)."""

    scale: float = 1.0
    cap: float | None = None

    def scores(self, products: Tensor) -> Tensor:
        """The scores for these products."""
        scaled = products if self.scale == 1 else products * self.scale
        return scaled if self.cap is None else (scaled / self.cap).tanh() * self.cap

    def bent(self, by: Tensor, scores: Tensor) -> Tensor:
        """Derivatives by scores as derivatives by scale z: `by` times 1 - (y / cap)^2."""
        return by if self.cap is None else by * (1 - (scores / self.cap).square())


@dataclass(frozen=True)
class Plan:
    """What to sum, and how. `numbers`: the dtype that the model computes its head in; sums are wider.

    `left_out` (K,), on the processor: words that are not counted, as they are looked at elsewhere. `average`: sum the scores, too.
    """

    bend: Bend
    numbers: torch.dtype
    left_out: Tensor | None = None
    average: bool = False


def tiles(
    hidden: Tensor, weight: Tensor, bias: Tensor | None, plan: Plan
) -> Iterator[tuple[int, Tensor, Tensor]]:
    """Of each tile its first word, its weights in the model's numbers, and the scores (N, tile), which may be changed."""
    kind = hidden.device.type
    lowest, highest = _WIDTHS.get(kind, _WIDTHS["cpu"])
    width = min(max(_NUMBERS.get(kind, _NUMBERS["cpu"]) // max(len(hidden), 1), lowest), highest)
    rows = hidden.to(plan.numbers)
    products_with = _way(rows, bias, plan)
    for at in range(0, len(weight), width):
        tile = weight[at : at + width].to(plan.numbers)
        products = products_with(tile)
        if bias is not None:
            products += bias[at : at + width]
        yield at, tile, plan.bend.scores(products)


def _way(rows: Tensor, bias: Tensor | None, plan: Plan) -> Callable[[Tensor], Tensor]:
    """What makes of a tile the products (N, tile) of rows (N, D), which are scores where nothing follows the head."""
    if _sums_wide(plan.numbers, rows.device):
        return lambda tile: torch.mm(rows, tile.T, out_dtype=torch.float32)
    is_narrow = rows.device.type == "cpu" and plan.numbers == torch.bfloat16
    is_plain = bias is None and plan.bend == Bend()
    if is_narrow and is_plain and rounds_once() and not has_matrix_units():
        return NearScores(rows).of
    left = wide(rows, plan.numbers)
    return lambda tile: left @ wide(tile, plan.numbers).T


def left_out(plan: Plan, at: int, width: int, device: torch.device) -> Tensor | None:
    """Which columns of a tile are words that are not counted; None for none of them."""
    if plan.left_out is None:
        return None
    inside = plan.left_out[(plan.left_out >= at) & (plan.left_out < at + width)]
    return (inside - at).to(device) if len(inside) else None


def rough_product(left: Tensor, right: Tensor, numbers: torch.dtype) -> Tensor:
    """Products `left @ right` of gradients: inputs in the model's numbers, and on processors what comes out, too."""
    if not _is_narrow(numbers, left.device):
        return left @ wide(right, numbers)
    if _sums_wide(numbers, left.device):
        return torch.mm(left.to(numbers), right, out_dtype=torch.float32)
    return left.to(numbers) @ right


def wide_dtype(numbers: torch.dtype) -> torch.dtype:
    """What sums are held in."""
    return torch.float64 if numbers == torch.float64 else torch.float32


def wide(values: Tensor, numbers: torch.dtype) -> Tensor:
    """Rounded as the model would, then wide enough for sums."""
    return values.to(numbers).to(wide_dtype(numbers))


@contextlib.contextmanager
def wide_products(numbers: torch.dtype, device: torch.device) -> Iterator[None]:
    """Within it numbers are what the code says; float32 that holds bfloat16 is multiplied as such where that is quick.

    Nothing is lost by it: such products are exact, and their sums are float32 all the same.
    """
    products: Any = getattr(torch.backends.mkldnn, "matmul", None)  # not every version of torch has it
    is_wanted = products is not None and device.type == "cpu" and numbers == torch.bfloat16
    before = products.fp32_precision if is_wanted else ""
    try:
        if is_wanted:
            products.fp32_precision = "bf16"
        with torch.autocast(device.type, enabled=False):
            yield
    finally:
        if is_wanted:
            products.fp32_precision = before


def _is_narrow(numbers: torch.dtype, device: torch.device) -> bool:
    """Whether products are made of bfloat16, where that is quick; float16 has no room for small chances."""
    return numbers == torch.bfloat16 and device.type in _NUMBERS


def _sums_wide(numbers: torch.dtype, device: torch.device) -> bool:
    """Whether torch gives products of narrow numbers as wide ones: on NVIDIA GPUs, and not in every version."""
    is_there = device.type == "cuda" and "dtype" in torch.ops.aten.mm.overloads()
    return is_there and _is_narrow(numbers, device)
