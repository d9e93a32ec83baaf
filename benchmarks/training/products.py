"""How fast this machine multiplies matrices, and the time of those products that no engine can avoid.

    python -m benchmarks.training.products rate
    python -m benchmarks.training.products limit PLAN_FILE

The limit times, in bfloat16 and on weights of the model's shapes, one for each matrix of each layer: y = x W and
dx = dy W over all tokens of an update in one row, the head at its learned positions forward and back. The frozen
weights need no product of their own gradient. Nothing asks for dx of the first layer's q, k and v. Attention's six
products are not timed, but counted at the rate of the others, the upper half of each square left out.
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
    """Operations of attention in all layers: two products forward and four back, 2 T T D / 2 each."""
    return shapes.layers * 6.0 * shapes.attention * sum(part.tokens**2 for part in parts)


def linear_operations(shapes: Shapes, tokens: int, learned: int) -> float:
    """Operations of all products that are timed: 2 T in out, forward and back."""
    layer = sum(inputs * outputs for inputs, outputs in shapes.linears)
    first = sum(inputs * outputs for inputs, outputs in shapes.linears[:3])
    head = shapes.hidden * shapes.vocabulary
    return 2.0 * tokens * (2 * shapes.layers * layer - first) + 4.0 * learned * head


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
    scored, slopes = _drawn(learned, shapes.hidden), _drawn(learned, shapes.vocabulary)

    def work() -> None:
        for layer in layers:
            for (inputs, _), weight in zip(shapes.linears, layer, strict=True):
                torch.mm(rows[inputs], weight.t())
        torch.mm(scored, head.t())
        torch.mm(slopes, head)
        for number, layer in enumerate(layers):
            pairs = list(zip(shapes.linears, layer, strict=True))
            for (_, outputs), weight in pairs if number else pairs[3:]:
                torch.mm(rows[outputs], weight)

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
