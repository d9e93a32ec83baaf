"""How fast this machine multiplies matrices, and the time of those products that no engine can avoid.

    python -m benchmarks.training.products rate
    python -m benchmarks.training.products limit PLAN_FILE

The limit times, in bfloat16 and on weights of the model's shapes, one for each matrix of each layer: y = x W and
dx = dy W over all tokens of an update in one row, the head at its learned positions forward and back. So is all of
the last layer but its k and v, which the learned positions look back at. The frozen weights need no product of their
own gradient. Nothing asks for dx of the first layer's q, k and v. Attention's six products are not timed, but counted
at the rate of the others, the upper half of each square left out, and in the last layer all but the queries of the
learned positions, which stand at their sequence's end.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median

import torch

from benchmarks.training.texts import Part

_SIDE, _RATE_SECONDS = 1024, 0.6
_TURNS = 3


@dataclass(frozen=True)
class Shapes:
    """The matrices of a model: `linears` (in, out) of one layer, q, k and v first."""

    layers: int
    linears: tuple[tuple[int, int], ...]
    hidden: int
    vocabulary: int
    attention: int  # numbers of all query heads


def shapes_of(config: dict[str, int]) -> Shapes:
    """The shapes that a model's `config.json` says."""
    hidden, inner, heads = config["hidden_size"], config["intermediate_size"], config["num_attention_heads"]
    head = config.get("head_dim") or hidden // heads
    queries, keys = heads * head, config["num_key_value_heads"] * head
    attention = ((hidden, queries), (hidden, keys), (hidden, keys), (queries, hidden))
    linears = (*attention, (hidden, inner), (hidden, inner), (inner, hidden))
    return Shapes(config["num_hidden_layers"], linears, hidden, config["vocab_size"], queries)


def attention_operations(shapes: Shapes, parts: Sequence[Part]) -> float:
    """Operations of attention in all layers: two products forward and four back, 2 T T D / 2 each.

    In the last layer only the rows of T - 1 tokens that come before a learned one, the last of them.
    """
    every = (shapes.layers - 1) * sum(part.tokens**2 for part in parts)
    last = sum((part.tokens - 1) ** 2 - (part.tokens - 1 - part.learned) ** 2 for part in parts)
    return 6.0 * shapes.attention * (every + last)


def linear_operations(shapes: Shapes, tokens: int, learned: int) -> float:
    """Operations of all products that are timed: 2 T in out, forward and back."""
    total = 4.0 * learned * shapes.hidden * shapes.vocabulary
    for layer in range(shapes.layers):
        for place, (inputs, outputs) in enumerate(shapes.linears):
            rows = learned if _is_narrow(shapes, layer, place) else tokens
            total += 2.0 * rows * inputs * outputs * (2 if _is_learned_from(layer, place) else 1)
    return total


def _is_narrow(shapes: Shapes, layer: int, place: int) -> bool:
    """Whether this matrix of the layer is needed at learned positions alone: in the last one all but k and v."""
    return layer == shapes.layers - 1 and place not in (1, 2)


def _is_learned_from(layer: int, place: int) -> bool:
    """Whether anything asks for the gradient of what goes into this matrix: not in the first layer's q, k and v."""
    return layer > 0 or place > 2


def limit_seconds(shapes: Shapes, updates: Sequence[Sequence[Part]]) -> float:
    """Seconds of the unavoidable products of all these updates, each a list of sequences."""
    layers = [[_drawn(outputs, inputs) for inputs, outputs in shapes.linears] for _ in range(shapes.layers)]
    head = _drawn(shapes.vocabulary, shapes.hidden)
    total = 0.0
    for parts in updates:
        tokens, learned = sum(part.tokens for part in parts), sum(part.learned for part in parts)
        work = _products(shapes, layers, head, tokens, learned)
        work()
        seconds = median(_timed(work) for _ in range(_TURNS))
        speed = linear_operations(shapes, tokens, learned) / seconds
        total += seconds + attention_operations(shapes, parts) / speed
    return total


def _products(
    shapes: Shapes, layers: list[list[torch.Tensor]], head: torch.Tensor, tokens: int, learned: int
) -> Callable[[], None]:
    """All timed products of an update one after another."""
    widths = {width for pair in shapes.linears for width in pair}
    rows = {width: _drawn(tokens, width) for width in widths}
    few = {width: _drawn(learned, width) for width in {*widths, shapes.hidden, shapes.vocabulary}}

    def work() -> None:
        for layer, weights in enumerate(layers):
            for place, weight in enumerate(weights):
                taken = few if _is_narrow(shapes, layer, place) else rows
                torch.mm(taken[weight.shape[1]], weight.t())
        torch.mm(few[shapes.hidden], head.t())
        torch.mm(few[shapes.vocabulary], head)
        for layer, weights in enumerate(layers):
            for place, weight in enumerate(weights):
                if _is_learned_from(layer, place):
                    taken = few if _is_narrow(shapes, layer, place) else rows
                    torch.mm(taken[weight.shape[0]], weight)

    return work


def _drawn(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, dtype=torch.bfloat16)


def rate() -> float:
    """Operations a second of square products in bfloat16."""
    first, second = (torch.randn(_SIDE, _SIDE).to(torch.bfloat16) for _ in range(2))
    torch.mm(first, second)
    done, started = 0, time.perf_counter()
    while time.perf_counter() - started < _RATE_SECONDS:
        torch.mm(first, second)
        done += 1
    return done * 2.0 * _SIDE**3 / (time.perf_counter() - started)


def _timed(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _main(arguments: Sequence[str]) -> float:
    if arguments[0] == "rate":
        return rate()
    plan = json.loads(Path(arguments[1]).read_text(encoding="utf-8"))
    config = json.loads((Path(plan["model"]) / "config.json").read_text(encoding="utf-8"))
    updates = [[Part(*part) for part in update] for update in plan["updates"]]
    with torch.no_grad():
        return limit_seconds(shapes_of(config), updates)


if __name__ == "__main__":
    print(_main(sys.argv[1:]))
