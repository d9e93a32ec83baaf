"""Which rows an update sees, and rows as tensors: padded, or one after another."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import accumulate
from typing import Any, Literal

import torch
from torch import Tensor

from engine.models.segments import segment_mask
from engine.models.sending import sent
from engine.models.template import Encoded

Way = Literal["shared", "packed", "grouped", "given"]
"""How rows are put together: one after another, what a pair begins with once; one after another; padded, those of like
length together; padded as they come."""

_OPEN_ROWS = 64  # packed rows that are looked at for room: among 100,000 rows to check all would take minutes


@dataclass(frozen=True)
class Example:
    """One tokenised row: one answer, or the chosen and the rejected one.

    `index` is its place among all examples of the run, `number` its row number in the data. `mismatched` is a
    row of feedback with another row's answer, an example in its own right.
    """

    index: int
    number: int
    parts: tuple[Encoded, ...]
    mismatched: "Example | None" = None

    @cached_property
    def length(self) -> int:
        """Tokens of the longest part: what it takes in a padded batch."""
        return max(len(part.ids) for part in self.parts)

    @cached_property
    def digest(self) -> bytes:
        """16 bytes that follow from the tokens and from which of them are learned, and from nothing else."""
        digest = hashlib.blake2b(digest_size=16)
        for part in self.parts:
            digest.update(array("q", [len(part.ids), *part.ids]).tobytes() + bytes(part.trained))
        return digest.digest()

    @cached_property
    def tokens(self) -> int:
        """Tokens of all parts."""
        return sum(len(part.ids) for part in self.parts)

    @cached_property
    def common(self) -> int:
        """Tokens that both answers' rows begin with, so that they need to be read once; 0 for a single row.

        The last token of the second is never one of them, even where the first begins with all of it.
        """
        if len(self.parts) < 2:
            return 0
        first, second = (part.ids for part in self.parts)
        most = min(len(first), len(second) - 1)
        return next((at for at in range(most) if first[at] != second[at]), max(most, 0))

    @cached_property
    def trained(self) -> int:
        """Tokens that are learned from. The first of a row has nothing before it and is never one."""
        return sum(sum(part.trained[1:]) for part in self.parts)


@dataclass(frozen=True)
class Batch:
    """B sequences in R rows of T tokens: the first parts of all examples, then the second parts.

    Padded, every sequence is a row (R is B) and `mask` (R, T) is 1 for real tokens, None where all are. Packed, they
    stand one after another in a single row, and `mask` holds their lengths (`engine.models.segments`). What a second
    part shares with its first then stands there once, with the first.

    `ids` (R, T); `places` (R, T) are tokens' positions within their sequence, None where those are columns; `spans`
    has each sequence's row, start and stop, without what it shares. N positions are scored, sequence by sequence:
    `positions` (N,) in the flattened (R * T), each followed by its target (N,) in sequence `rows` (N,). The same
    position may come twice, for two sequences that share it. `examples` are the examples' indexes; `tokens` counts
    the real tokens of all sequences; `labels` (B,) tells which rows of feedback are good, None for other rows.
    """

    ids: Tensor
    mask: Tensor | None
    places: Tensor | None
    spans: tuple[tuple[int, int, int], ...]
    positions: Tensor
    targets: Tensor
    rows: Tensor
    examples: tuple[int, ...]
    tokens: int
    labels: Tensor | None = None

    @property
    def count(self) -> int:
        """Sequences of the batch: examples times their parts."""
        return len(self.spans)

    @cached_property
    def scored(self) -> Tensor:
        """The positions that are scored, ascending, each once: (M,) in the flattened (R * T)."""
        return self.positions.unique()

    def to(self, device: str) -> "Batch":
        """The same on a device; lengths stay where they can be read without waiting for it."""
        if device == "cpu":
            return self
        names = ["ids", "places", "positions", "targets", "rows", "labels"]
        if self.mask is not None and self.mask.dim() == 2:
            names.append("mask")
        parts = {name: getattr(self, name) for name in names}
        there: dict[str, Any] = {  # Any: the fields' own types
            name: sent(part, device) for name, part in parts.items() if part is not None
        }
        moved = replace(self, **there)
        vars(moved)["scored"] = sent(self.scored, device)  # how many there are would have to be waited for
        return moved


@dataclass(frozen=True)
class _Spot:
    """Where a sequence stands: in `row` from `start` on; its first `shared` tokens from `shared_start` on instead."""

    row: int
    start: int
    shared_start: int = 0
    shared: int = 0


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples on the right into one batch."""
    parts = _parts(examples)
    width = max(len(part.ids) for part in parts)
    batch = _laid_out(examples, parts, [_Spot(row, 0) for row in range(len(parts))], (len(parts), width))
    mask = torch.zeros(batch.ids.shape, dtype=torch.long)
    for row, part in enumerate(parts):
        mask[row, : len(part.ids)] = 1
    return batch if bool(mask.all()) else replace(batch, mask=mask)


def pack(examples: Sequence[Example]) -> Batch:
    """Put examples one after another into a single row, with no padding at all."""
    return _packed(examples, [0] * len(_parts(examples)))


def share(examples: Sequence[Example]) -> Batch:
    """Put examples one after another into a single row, what both parts of a pair begin with once.

    All first parts are whole; then comes of each second part what is its own.
    """
    sides = len(examples[0].parts)
    return _packed(examples, [example.common if side else 0 for side in range(sides) for example in examples])


def _packed(examples: Sequence[Example], shared: Sequence[int]) -> Batch:
    """One row of all sequences, each without the tokens that it shares with its example's first part."""
    parts = _parts(examples)
    lengths = [len(part.ids) - count for part, count in zip(parts, shared, strict=True)]
    starts = [0, *accumulate(lengths)]
    spots = [
        _Spot(0, starts[at], starts[at % len(examples)] if count else 0, count)
        for at, count in enumerate(shared)
    ]
    batch = _laid_out(examples, parts, spots, (1, starts[-1]))
    places = [torch.arange(count, len(part.ids)) for part, count in zip(parts, shared, strict=True)]
    mask = segment_mask(lengths, [(spot.shared_start, spot.shared) for spot in spots])
    return replace(batch, mask=mask, places=torch.cat(places).unsqueeze(0))


def _parts(examples: Sequence[Example]) -> list[Encoded]:
    return [example.parts[side] for side in range(len(examples[0].parts)) for example in examples]


def _laid_out(
    examples: Sequence[Example], parts: Sequence[Encoded], spots: Sequence[_Spot], shape: tuple[int, int]
) -> Batch:
    """The batch whose sequences stand at these spots, still without mask and places."""
    ids = torch.zeros(shape, dtype=torch.long)
    spans, positions, targets, rows = [], [], [], []
    for number, (part, spot) in enumerate(zip(parts, spots, strict=True)):
        tokens = torch.tensor(part.ids)
        stop = spot.start + len(part.ids) - spot.shared
        ids[spot.row, spot.start : stop] = tokens[spot.shared :]
        spans.append((spot.row, spot.start, stop))
        before = torch.tensor(part.trained[1:], dtype=torch.bool).nonzero().squeeze(-1)
        first = spot.row * shape[1] + spot.start - spot.shared
        positions.append(before + torch.where(before < spot.shared, spot.shared_start, first))
        targets.append(tokens[before + 1])
        rows.append(torch.full_like(before, number))
    return Batch(
        ids=ids,
        mask=None,
        places=None,
        spans=tuple(spans),
        positions=torch.cat(positions),
        targets=torch.cat(targets),
        rows=torch.cat(rows),
        examples=tuple(example.index for example in examples),
        tokens=sum(len(part.ids) for part in parts),
        labels=_labels(examples),
    )


def _labels(examples: Sequence[Example]) -> Tensor | None:
    labels = [example.parts[0].label for example in examples]
    return None if labels[0] is None else torch.tensor(labels)


def micro_batches(examples: Iterable[Example], size: int, way: Way) -> Iterator[Batch]:
    """Batches that take no more memory than `size` of the longest examples, padded, would.

    Unless they stay as they come, the longest come first: if memory runs out, then before time was spent on the rest.
    """
    ordered = list(examples)
    if way != "given":
        ordered.sort(key=lambda example: -example.length)
    if way in ("packed", "shared"):
        is_shared = way == "shared"
        yield from map(share if is_shared else pack, full_rows(ordered, size, is_shared))
        return
    for start in range(0, len(ordered), size):
        yield collate(ordered[start : start + size])


@dataclass
class _Row:
    """What a packed row holds so far."""

    examples: list[Example]
    tokens: int = 0
    learned: int = 0


def full_rows(ordered: Sequence[Example], size: int, is_shared: bool = False) -> list[list[Example]]:
    """Examples for few packed rows: each goes into the first of the last rows with room for it, else a new one.

    A row has room for as many tokens, and for as many learned ones (whose scores take most memory where the
    vocabulary is large), as `size` times the largest of these examples has. `is_shared`: what a pair begins with
    takes room once.
    """
    most = size * max((example.tokens for example in ordered), default=0)
    most_learned = size * max((example.trained for example in ordered), default=0)
    rows: list[_Row] = []
    for example in ordered:
        tokens = example.tokens - (example.common if is_shared else 0)
        with_room = (
            row
            for row in rows[-_OPEN_ROWS:]
            if row.tokens + tokens <= most and row.learned + example.trained <= most_learned
        )
        row = next(with_room, None)
        if row is None:
            row = _Row([])
            rows.append(row)
        row.examples.append(example)
        row.tokens += tokens
        row.learned += example.trained
    return [row.examples for row in rows]


@dataclass(frozen=True)
class Order:
    """An endless stream of rows, each epoch shuffled anew by the seed, cut into updates.

    Which rows an update sees follows from its number alone, so a resumed run needs no other position.
    `draws` ends the stream: after one epoch and a half of 10 rows it is 15.
    """

    rows: int
    batch_size: int
    draws: int
    seed: int

    @property
    def updates(self) -> int:
        """How many updates the whole stream makes; the last may be smaller."""
        return -(-self.draws // self.batch_size)

    def of_update(self, number: int) -> list[int]:
        """Row indexes of update `number`, which counts from 1."""
        start = (number - 1) * self.batch_size
        end = min(start + self.batch_size, self.draws)
        return [self._epoch(draw // self.rows)[draw % self.rows] for draw in range(start, end)]

    def epoch_after(self, number: int) -> float:
        """How often every row was seen after update `number`, on average."""
        return min(number * self.batch_size, self.draws) / self.rows

    def _epoch(self, epoch: int) -> list[int]:
        if epoch not in self._epochs:
            if len(self._epochs) > 1:  # an update touches two neighbouring epochs, or many tiny ones in turn
                self._epochs.clear()
            generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
            self._epochs[epoch] = torch.randperm(self.rows, generator=generator).tolist()
        return self._epochs[epoch]

    @cached_property
    def _epochs(self) -> dict[int, list[int]]:
        return {}
