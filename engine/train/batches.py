"""Which rows an update sees, and rows as padded tensors."""

import hashlib
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

from engine.models.template import Encoded


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
    """B rows padded on the right to T tokens: the first parts of all examples, then the second parts.

    `ids` (B, T); `mask` (B, T), 1 for real tokens, None where all are. N positions are scored: `positions`
    (N,) in the flattened (B * T), each followed by its target (N,) in row `rows` (N,) of the batch.
    `examples` are the examples' indexes; `tokens` counts real tokens; `labels` (B,) tells which rows of feedback
    are good, None for other rows.
    """

    ids: Tensor
    mask: Tensor | None
    positions: Tensor
    targets: Tensor
    rows: Tensor
    examples: tuple[int, ...]
    tokens: int
    labels: Tensor | None = None

    @property
    def count(self) -> int:
        """Rows of the batch: examples times their parts."""
        return len(self.ids)

    def to(self, device: str) -> "Batch":
        """The same on a device."""
        if device == "cpu":
            return self
        names = ("ids", "mask", "positions", "targets", "rows", "labels")
        present = {name: getattr(self, name) for name in names if getattr(self, name) is not None}
        return replace(
            self, **{name: tensor.to(device, non_blocking=True) for name, tensor in present.items()}
        )


def collate(examples: Sequence[Example]) -> Batch:
    """Pad examples on the right into one batch."""
    parts = [example.parts[side] for side in range(len(examples[0].parts)) for example in examples]
    width = max(len(part.ids) for part in parts)
    ids = torch.zeros(len(parts), width, dtype=torch.long)
    mask = torch.zeros(len(parts), width, dtype=torch.long)
    scored = torch.zeros(len(parts), width, dtype=torch.bool)
    for row, part in enumerate(parts):
        length = len(part.ids)
        ids[row, :length] = torch.tensor(part.ids)
        mask[row, :length] = 1
        scored[row, : length - 1] = torch.tensor(part.trained[1:], dtype=torch.bool)
    positions = scored.flatten().nonzero().squeeze(-1)
    return Batch(
        ids=ids,
        mask=None if bool(mask.all()) else mask,
        positions=positions,
        targets=ids.flatten()[positions + 1],
        rows=positions // width,
        examples=tuple(example.index for example in examples),
        tokens=int(mask.sum()),
        labels=_labels(examples),
    )


def _labels(examples: Sequence[Example]) -> Tensor | None:
    labels = [example.parts[0].label for example in examples]
    return None if labels[0] is None else torch.tensor(labels)


def micro_batches(examples: Iterable[Example], size: int, group_lengths: bool) -> Iterator[Batch]:
    """Batches of at most `size` examples; with `group_lengths` rows of like length go together.

    The longest come first: if memory runs out, then before time was spent on the rest.
    """
    ordered = list(examples)
    if group_lengths:
        ordered.sort(key=lambda example: -example.length)
    for start in range(0, len(ordered), size):
        yield collate(ordered[start : start + size])


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
