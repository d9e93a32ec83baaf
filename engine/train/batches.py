"""Which rows an update sees, and rows as tensors: padded, or one after another."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from engine.models.segments import segment_mask
from engine.models.template import Encoded

Way = Literal["packed", "grouped", "given"]
"""How rows are put together: one after another; padded, those of like length together; padded as they come."""

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
    def trained(self) -> int:
        """Tokens that are learned from. The first of a row has nothing before it and is never one."""
        return sum(sum(part.trained[1:]) for part in self.parts)


@dataclass(frozen=True)
class Batch:
    """B sequences in R rows of T tokens: the first parts of all examples, then the second parts.

    Padded, every sequence is a row (R is B) and `mask` (R, T) is 1 for real tokens, None where all are. Packed, they
    stand one after another in a single row, and `mask` holds their lengths (`engine.models.segments`).

    `ids` (R, T); `places` (R, T) are tokens' positions within their sequence, None where those are columns; `spans`
    has each sequence's row, start and stop. N positions are scored: `positions` (N,) in the flattened (R * T), each
    followed by its target (N,) in sequence `rows` (N,), in ascending order. `examples` are the examples' indexes;
    `tokens` counts real tokens; `labels` (B,) tells which rows of feedback are good, None for other rows.
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

    def to(self, device: str) -> "Batch":
        """The same on a device; lengths stay where they can be read without waiting for it."""
        if device == "cpu":
            return self
        names = ["ids", "places", "positions", "targets", "rows", "labels"]
        if self.mask is not None and self.mask.dim() == 2:
            names.append("mask")
        present = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return replace(
            self, **{name: tensor.to(device, non_blocking=True) for name, tensor in present.items()}
        )


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples on the right into one batch."""
    parts = _parts(examples)
    width = max(len(part.ids) for part in parts)
    batch = _laid_out(examples, parts, [(row, 0) for row in range(len(parts))], (len(parts), width))
    mask = torch.zeros(batch.ids.shape, dtype=torch.long)
    for row, part in enumerate(parts):
        mask[row, : len(part.ids)] = 1
    return batch if bool(mask.all()) else replace(batch, mask=mask)


def pack(examples: Sequence[Example]) -> Batch:
    """Put examples one after another into a single row, with no padding at all."""
    parts = _parts(examples)
    lengths = [len(part.ids) for part in parts]
    starts = [(0, sum(lengths[:before])) for before in range(len(parts))]
    batch = _laid_out(examples, parts, starts, (1, sum(lengths)))
    places = torch.cat([torch.arange(length) for length in lengths]).unsqueeze(0)
    return replace(batch, mask=segment_mask(lengths), places=places)


def _parts(examples: Sequence[Example]) -> list[Encoded]:
    return [example.parts[side] for side in range(len(examples[0].parts)) for example in examples]


def _laid_out(
    examples: Sequence[Example],
    parts: Sequence[Encoded],
    starts: Sequence[tuple[int, int]],
    shape: tuple[int, int],
) -> Batch:
    """The batch whose sequences begin at these rows and columns, still without mask and places."""
    ids = torch.zeros(shape, dtype=torch.long)
    scored = torch.zeros(shape, dtype=torch.bool)
    owners = torch.zeros(shape, dtype=torch.long)
    spans = []
    for number, (part, (row, start)) in enumerate(zip(parts, starts, strict=True)):
        stop = start + len(part.ids)
        ids[row, start:stop] = torch.tensor(part.ids)
        scored[row, start : stop - 1] = torch.tensor(part.trained[1:], dtype=torch.bool)
        owners[row, start:stop] = number
        spans.append((row, start, stop))
    positions = scored.flatten().nonzero().squeeze(-1)
    return Batch(
        ids=ids,
        mask=None,
        places=None,
        spans=tuple(spans),
        positions=positions,
        targets=ids.flatten()[positions + 1],
        rows=owners.flatten()[positions],
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
    if way == "packed":
        yield from map(pack, full_rows(ordered, size))
        return
    for start in range(0, len(ordered), size):
        yield collate(ordered[start : start + size])


@dataclass
class _Row:
    """What a packed row holds so far."""

    examples: list[Example]
    tokens: int = 0
    learned: int = 0


def full_rows(ordered: Sequence[Example], size: int) -> list[list[Example]]:
    """Examples for few packed rows: each goes into the first of the last rows with room for it, else a new one.

    A row has room for as many tokens, and for as many learned ones (whose scores take most memory where the
    vocabulary is large), as `size` times the largest of these examples has.
    """
    most = size * max((example.tokens for example in ordered), default=0)
    most_learned = size * max((example.trained for example in ordered), default=0)
    rows: list[_Row] = []
    for example in ordered:
        with_room = (
            row
            for row in rows[-_OPEN_ROWS:]
            if row.tokens + example.tokens <= most and row.learned + example.trained <= most_learned
        )
        row = next(with_room, None)
        if row is None:
            row = _Row([])
            rows.append(row)
        row.examples.append(example)
        row.tokens += example.tokens
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
