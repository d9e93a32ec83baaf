"""What the events about a run's experts come to: the newest shares, their course over the run, and a table of all."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from operator import mul
from pathlib import Path

from engine.job.expert_events import Routing

RECENT = 50
"""Updates whose shares make up "now": the same in which an expert must have been idle to be told as such."""

BUCKETS = 120
"""Columns at most of a course over the run; more would be thinner than the eye can tell."""

Shares = tuple[tuple[float, ...], ...]


@dataclass(frozen=True)
class Course:
    """Shares over the run, row by row (experts or layers): each column is the mean over steps `first` to `last`."""

    spans: tuple[tuple[int, int], ...]
    rows: Shares


def recent_shares(told: Sequence[Routing]) -> tuple[Shares, int]:
    """Each layer's expert shares over the last `RECENT` updates, and how many updates those are.

    An event that stands for several updates weighs as many.
    """
    if not told:
        return (), 0
    newest = told[-1].step
    first = next(i for i in range(len(told)) if told[i].step > newest - RECENT)
    events, sizes = told[first:], _sizes(told)[first:]
    total = sum(sizes)
    if len(events) == 1:
        return events[0].shares, total
    weights = [size / total for size in sizes]
    layers = zip(*(event.shares for event in events), strict=True)
    return tuple(_mean_of(layer, weights) for layer in layers), total


def layer_course(told: Sequence[Routing], layer: int) -> Course:
    """Each expert's share in one layer, over the run."""
    return _course(told, [event.shares[layer] for event in told])


def evenness_course(told: Sequence[Routing]) -> Course:
    """How evenly each layer uses its experts, over the run: 1 is evenly, 0 one expert alone (entropy over log E)."""
    known = [event for event in told if event.evenness]
    return _course(known, [event.evenness for event in known])


def stronger(weight: float) -> float | None:
    """The weight that balances more strongly than this one; None where it cannot be raised."""
    if weight >= 1:
        return None
    return min(1.0, max(0.01, 2 * weight))


def write_routing(told: Sequence[Routing], path: Path) -> None:
    """One line an event: the figures, then each expert's share, named by layer and expert from 1. Raises OSError."""
    names = (
        "step",
        "load_entropy",
        "max_load",
        "router_entropy",
        "top_probability",
        "balance",
        "uniform",
        "weight",
    )
    shares = told[-1].shares if told else ()
    places = [f"layer {i + 1} expert {j + 1}" for i, layer in enumerate(shares) for j in range(len(layer))]
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*names, "nearly_idle", *places])
        for event in told:
            figures = (
                "" if value is None else f"{value:.10g}" for value in (getattr(event, name) for name in names)
            )
            cells = (share for layer in event.shares for share in layer)
            writer.writerow([*figures, len(event.dead), *cells])


def _sizes(told: Sequence[Routing]) -> list[int]:
    """How many updates each event stands for: those since the one before."""
    steps = [0, *(event.step for event in told)]
    return [max(1, after - before) for before, after in pairwise(steps)]


def _mean_of(rows: Sequence[Sequence[float]], weights: Sequence[float]) -> tuple[float, ...]:
    """The weighted mean of rows, place by place."""
    return tuple(sum(map(mul, column, weights)) for column in zip(*rows, strict=True))


def _course(told: Sequence[Routing], columns: Sequence[Sequence[float]]) -> Course:
    """At most `BUCKETS` columns: neighbours are averaged, each event by the updates that it stands for."""
    size = max(1, -(-len(told) // BUCKETS))
    sizes, spans, means = _sizes(told), [], []
    for _, group in groupby(range(len(told)), key=lambda place: place // size):
        places = list(group)
        total = sum(sizes[place] for place in places)
        spans.append((told[places[0]].step - sizes[places[0]] + 1, told[places[-1]].step))
        means.append(_mean_of([columns[p] for p in places], [sizes[p] / total for p in places]))
    return Course(tuple(spans), tuple(zip(*means, strict=True)))
