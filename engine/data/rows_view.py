"""The rows of a job as one sequence: each is built when it is asked for, so that a million take little memory."""

import hashlib
from array import array
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from operator import lt
from typing import overload

from engine.data.rows import Row
from engine.data.scan import Scan, build
from engine.data.shapes import Shape
from engine.data.table import Table
from engine.job.sections import DataSource


@dataclass(frozen=True)
class Part:
    """One file of a job: its table, its shape, what each role's column is, and what was found in it."""

    source: DataSource
    table: Table
    shape: Shape
    roles: dict[str, str]
    scan: Scan = field(repr=False)


class Rows(Sequence[Row]):
    """Rows by position. `numbers` and `prompts` are each row's number and the key of what it asks."""

    def __init__(self, parts: Sequence[Part], numbers: "array[int]", prompts: "array[int]") -> None:
        self.numbers, self.prompts = numbers, prompts
        self._parts = parts
        self._firsts = [part.table.first for part in parts]

    def __len__(self) -> int:
        return len(self.numbers)

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> "Rows": ...
    def __getitem__(self, index: int | slice) -> "Row | Rows":
        if isinstance(index, slice):
            return Rows(self._parts, self.numbers[index], self.prompts[index])
        return self.numbered(self.numbers[index])

    def __iter__(self) -> Iterator[Row]:
        return (self.numbered(number) for number in self.numbers)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Sequence):
            return NotImplemented
        return len(self) == len(other) and all(a == b for a, b in zip(self, other, strict=True))

    __hash__ = None  # type: ignore[assignment]  # like every other sequence that compares by its items

    def __repr__(self) -> str:
        return f"Rows({list(self[:5])}{', ...' if len(self) > 5 else ''})"

    @cached_property
    def mark(self) -> str:
        """The same for the same rows: 32 hex digits over their files' bytes, what they say, and which of them they are.

        Which columns were read in which way shows in what the rows say.
        """
        digest = hashlib.blake2b(digest_size=16)
        for part in self._parts:
            shape = f"{part.table.hash} {part.table.first} {part.shape.kind} "
            digest.update(shape.encode() + part.scan.usable.tobytes() + part.scan.contents.tobytes())
        digest.update(self.numbers.tobytes())
        return digest.hexdigest()

    def numbered(self, number: int) -> Row:
        """The row of a number, which must be one of `numbers`."""
        part = self._parts[bisect_right(self._firsts, number) - 1]
        return build(part.table, number - part.table.first, part.shape, part.roles)

    def at(self, positions: "array[int]") -> "Rows":
        """The rows at some positions, in that order."""
        numbers = array("I", (self.numbers[i] for i in positions))
        return Rows(self._parts, numbers, array("Q", (self.prompts[i] for i in positions)))

    def unique(self) -> "Rows":
        """Without the repetitions that a weight brings, in the order of their numbers."""
        if all(map(lt, self.numbers, islice(self.numbers, 1, None))):
            return self
        first = {number: position for position, number in reversed(list(enumerate(self.numbers)))}
        return self.at(array("Q", (first[number] for number in sorted(first))))
