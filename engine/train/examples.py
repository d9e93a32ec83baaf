"""Many examples as one sequence: each is built when it is asked for, so that a million take little memory."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import overload

from engine.models.encoded import EncodedPair, Refused
from engine.models.encoded_table import EncodedTable
from engine.train.batches import Example

BLOCK = 1024
Mix = Callable[[Example, Example], Example]
"""An example with what stands beside it, made from another one."""


class Examples(Sequence[Example]):
    """Examples from the lines `places` of a table, numbered by `indexes` among all examples of the run.

    With `partners`, the line of another example for each, `mix` makes one of the two.
    """

    def __init__(
        self,
        table: EncodedTable,
        places: "array[int]",
        indexes: "array[int]",
        partners: "array[int] | None" = None,
        mix: Mix | None = None,
    ) -> None:
        self.table, self.places, self.indexes = table, places, indexes
        self._partners, self._mix = partners, mix

    @classmethod
    def of_rows(cls, table: EncodedTable, numbers: "array[int]", first: int = 0) -> "Examples":
        """The examples that rows of these numbers give, as often as they come; their indexes count from `first`."""
        places = table.places_of(numbers)
        return cls(table, places, array("I", range(first, first + len(places))))

    def __len__(self) -> int:
        return len(self.places)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> "Examples": ...
    def __getitem__(self, index: int | slice) -> "Example | Examples":
        if isinstance(index, slice):
            return self.at(range(*index.indices(len(self))))
        plain = self._plain(self.places[index], self.indexes[index])
        if self._partners is None or self._mix is None:
            return plain
        return self._mix(plain, self._plain(self._partners[index], 0))

    def __iter__(self) -> Iterator[Example]:
        return (self[index] for index in range(len(self)))

    def at(self, positions: Sequence[int]) -> "Examples":
        """The examples at some positions, in that order."""
        partners = self._partners
        if partners is not None:
            partners = array("I", (partners[at] for at in positions))
        return Examples(
            self.table,
            array("I", (self.places[at] for at in positions)),
            array("I", (self.indexes[at] for at in positions)),
            partners,
            self._mix,
        )

    def beside(self, partners: "array[int]", mix: Mix) -> "Examples":
        """The same examples, each mixed with the one at its line of `partners`."""
        return Examples(self.table, self.places, self.indexes, partners, mix)

    @property
    def is_mixed(self) -> bool:
        """Whether something stands beside each."""
        return self._partners is not None

    @cached_property
    def lengths(self) -> "array[int]":
        """Tokens of each example's longest part."""
        return self.table.lengths(self.places)

    @cached_property
    def tokens(self) -> int:
        """Tokens of all parts of all examples."""
        return self.table.total("tokens", self.places)

    @cached_property
    def trained(self) -> int:
        """Tokens of all examples that are learned from."""
        return self.table.total("learned", self.places)

    def longest_first(self) -> "Examples":
        """All examples by their lengths, those of the same length as they come."""
        return self.at(sorted(range(len(self)), key=self.lengths.__getitem__, reverse=True))

    def _plain(self, place: int, index: int) -> Example:
        found = self.table[place]
        if isinstance(found, Refused):
            raise ValueError(f"line {place} holds no example")
        parts = (found.chosen, found.rejected) if isinstance(found, EncodedPair) else (found,)
        return Example(index, found.number, parts)


def picked(examples: Sequence[Example], positions: Sequence[int]) -> Sequence[Example]:
    """The examples at some positions; of `Examples` none is built yet."""
    return examples.at(positions) if isinstance(examples, Examples) else [examples[at] for at in positions]


def blocks(examples: Sequence[Example], size: int) -> Iterator[Sequence[Example]]:
    """All examples, divided so that those in memory stay few however many there are.

    Many come longest first, and divided where batches of `size` are: they are then the batches of all together.
    """
    if not isinstance(examples, Examples) or len(examples) <= BLOCK:
        yield examples
        return
    ordered, step = examples.longest_first(), size * -(-BLOCK // size)
    for start in range(0, len(ordered), step):
        yield ordered[start : start + step]


def mismatched(examples: Sequence[Example]) -> Sequence[Example]:
    """What stands beside each of the examples that has something; of `Examples` none is built yet."""
    if isinstance(examples, Examples):
        return _Mismatched(examples) if examples.is_mixed else []
    return [one.mismatched for one in examples if one.mismatched is not None]


class _Mismatched(Sequence[Example]):
    """What stands beside each of some examples that all have it, built when it is asked for."""

    def __init__(self, examples: Examples) -> None:
        self._examples = examples

    def __len__(self) -> int:
        return len(self._examples)

    @overload
    def __getitem__(self, index: int) -> Example: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Example]: ...
    def __getitem__(self, index: int | slice) -> Example | Sequence[Example]:
        if isinstance(index, slice):
            return _Mismatched(self._examples[index])
        found = self._examples[index].mismatched
        assert found is not None
        return found
