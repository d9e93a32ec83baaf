"""Encoded rows as Arrow columns, in memory or mapped from a file: what a row is, is built when it is asked for."""

from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, overload

from engine.data.store import StoredColumns, arrow_schema, as_array, as_arrow, as_view
from engine.models.encoded import Encoded, EncodedPair, Refused, Result

_ROW = ("number", "sides", "part", "parts", "label", "prompt")
_SIDE = ("cut", "controls", "tokens", "learned", "last", "whole", "joined")
_UNKNOWN = -1
_LET_GO = 64  # results read before their memory is given back; a look at one brings in some 100 kB
SCHEMA = {
    **dict.fromkeys(_ROW, "int32"),
    **{f"{name}{side}": "int32" for side in (0, 1) for name in _SIDE},
    **{f"{name}{side}": "list:uint32" for side in (0, 1) for name in ("ids", "turns")},
    "reason": "string",
}
"""One line a result. Of a row: its number, how many `sides` (0 when it was refused, 2 for a pair), piece and pieces of a
divided text, label (-1: none), the prompt that a pair shares. Of each side: tokens `cut`, passages that read like
`controls`, `tokens` that are left, how many are `learned`, the id of the `last` learned one, the length of the `whole`
row before any cut (-1: not known, or told by the first piece), whether an answer is `joined` to its prompt, the ids,
and the `turns`: the places where learning begins, ends, begins again."""


def packed(results: Iterable[Result]) -> Any:  # Any: pyarrow is not typed
    """Results as one Arrow record batch of this schema. A divided text's pieces must all be there."""
    import pyarrow

    numbers = {name: array("i") for name, kind in SCHEMA.items() if kind == "int32"}
    lists = {name: _Lists() for name, kind in SCHEMA.items() if kind.startswith("list")}
    reasons: list[str] = []
    for result in results:
        sides = _sides(result)
        first = sides[0] if sides else None
        row = (
            result.number,
            len(sides),
            first.part if first else 0,
            first.parts if first else 1,
            _UNKNOWN if first is None or first.label is None else int(first.label),
            result.prompt_length if isinstance(result, EncodedPair) else 0,
        )
        for name, value in zip(_ROW, row, strict=True):
            numbers[name].append(value)
        reasons.append(result.reason if isinstance(result, Refused) else "")
        lengths = result.lengths if isinstance(result, Refused) else ()
        for side in (0, 1):
            _add_side(numbers, lists, side, sides[side : side + 1], lengths[side : side + 1])
    columns = {name: as_arrow(values) for name, values in numbers.items()}
    columns |= {name: values.column() for name, values in lists.items()} | {"reason": pyarrow.array(reasons)}
    schema = arrow_schema(SCHEMA)
    return pyarrow.record_batch([columns[field.name] for field in schema], schema=schema)


class EncodedTable(Sequence[Result]):
    """Results in the order of their rows, from record batches of `SCHEMA`.

    `stored` is what they are mapped from, where they are. `column(name)` is for sums over all of them.
    """

    def __init__(self, batches: Iterable[Any], stored: StoredColumns | None = None) -> None:
        # Any: pyarrow is not typed
        import pyarrow

        self._batches = list(batches)
        self._stored, self._read = stored, 0
        self._starts = [0]
        for batch in self._batches:
            self._starts.append(self._starts[-1] + len(batch))
        self._views: dict[int, dict[str, Any]] = {}
        self._table = pyarrow.Table.from_batches(self._batches, arrow_schema(SCHEMA))

    @classmethod
    def of(cls, results: Iterable[Result]) -> "EncodedTable":
        """These results, in memory."""
        return cls([packed(results)])

    def __len__(self) -> int:
        return self._starts[-1]

    @overload
    def __getitem__(self, index: int) -> Result: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Result]: ...
    def __getitem__(self, index: int | slice) -> Result | Sequence[Result]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(len(self)))]
        if not -len(self) <= index < len(self):
            raise IndexError(index)
        place = index % len(self)
        chunk = bisect_right(self._starts, place) - 1
        found = _result(self._chunk(chunk), place - self._starts[chunk])
        self._count_reading()
        return found

    def __iter__(self) -> Iterator[Result]:
        return (self[index] for index in range(len(self)))

    def column(self, name: str) -> Any:  # Any: pyarrow is not typed
        """One column, chunk by chunk."""
        return self._table.column(name)

    def teaches(self) -> Any:  # Any: pyarrow is not typed
        """For each line whether it can be learned from: no side of it lacks a learned token."""
        from pyarrow import compute as pc

        sides, learned, other = self.column("sides"), self.column("learned0"), self.column("learned1")
        whole = pc.and_(pc.greater(learned, 0), pc.or_(pc.less(sides, 2), pc.greater(other, 0)))
        return pc.and_(pc.greater(sides, 0), pc.or_(pc.greater(self.column("part"), 0), whole))

    def places_of(self, numbers: "array[int]") -> "array[int]":
        """Where the lines of these rows (numbers of type code "I") stand that teach something.

        In the order asked for, a row's pieces one after another, and again where a number comes again.
        """
        import pyarrow
        from pyarrow import compute as pc

        firsts = pc.indices_nonzero(pc.and_(self.teaches(), pc.equal(self.column("part"), 0)))
        known = self.column("number").take(firsts)
        wanted = as_arrow(numbers).cast(pyarrow.int32())
        found = pc.index_in(wanted, value_set=known.combine_chunks()).drop_null()
        places = as_array(firsts.take(found).cast(pyarrow.uint32()), "I")
        pieces = as_array(self.column("parts").take(firsts).take(found), "i")
        if not pieces or max(pieces) == 1:
            return places
        return array(
            "I", (place + at for place, count in zip(places, pieces, strict=True) for at in range(count))
        )

    def lengths(self, places: "array[int]") -> "array[int]":
        """Tokens of the longer side of each of these lines."""
        from pyarrow import compute as pc

        longer = pc.max_element_wise(self.column("tokens0"), self.column("tokens1"))
        return as_array(longer.take(as_arrow(places)), "i")

    def total(self, name: str, places: "array[int]") -> int:
        """The sum of "tokens" or "learned" over both sides of these lines."""
        from pyarrow import compute as pc

        wanted = as_arrow(places)
        return sum(pc.sum(self.column(f"{name}{side}").take(wanted)).as_py() or 0 for side in (0, 1))

    def _chunk(self, index: int) -> dict[str, Any]:  # Any: views of numbers, pairs of them, an Arrow column
        if index not in self._views:
            self._views[index] = _views(self._batches[index])
        return self._views[index]

    def _count_reading(self) -> None:
        self._read += 1
        if self._stored is not None and self._read % _LET_GO == 0:
            self._stored.let_go()


class _Lists:
    """Lists of numbers on the way into an Arrow column."""

    def __init__(self) -> None:
        self._starts, self._values = array("i", [0]), array("I")

    def add(self, numbers: Iterable[int]) -> None:
        self._values.extend(numbers)
        self._starts.append(len(self._values))

    def column(self) -> Any:  # Any: pyarrow is not typed
        import pyarrow

        return pyarrow.ListArray.from_arrays(as_arrow(self._starts), as_arrow(self._values))


def _sides(result: Result) -> tuple[Encoded, ...]:
    match result:
        case Refused():
            return ()
        case EncodedPair(chosen=chosen, rejected=rejected):
            return chosen, rejected
        case Encoded():
            return (result,)


def _add_side(
    numbers: "dict[str, array[int]]",
    lists: dict[str, _Lists],
    side: int,
    found: tuple[Encoded, ...],
    lengths: tuple[int, ...],
) -> None:
    """Append one side's columns: `found` holds it, or nothing; `lengths` what is known of a refused one."""
    ids: Sequence[int] = ()
    cut = controls = learned = joined = 0
    last, whole = _UNKNOWN, lengths[0] if lengths else _UNKNOWN
    flags = b""
    for one in found:
        ids, flags, cut, controls = one.ids, bytes(one.trained), one.cut, one.controls
        joined = int(one.joined)
        learned, whole = flags.count(1), len(ids) + cut
        if learned:
            last = ids[flags.rindex(1)]
        if one.part:  # a piece begins with the last token of the one before
            known = numbers[f"whole{side}"]
            known[len(known) - one.part] += len(ids) - 1
            whole = _UNKNOWN
    lists[f"ids{side}"].add(ids)
    lists[f"turns{side}"].add(_turns(flags))
    for name, value in zip(_SIDE, (cut, controls, len(ids), learned, last, whole, joined), strict=True):
        numbers[f"{name}{side}"].append(value)


def _turns(flags: bytes) -> list[int]:
    """Where runs of 1 begin and end; one that lasts to the end has no end here."""
    turns, at, value = list[int](), 0, 1
    while (at := flags.find(value, at)) >= 0:
        turns.append(at)
        value ^= 1
    return turns


def _views(batch: Any) -> dict[str, Any]:  # Any: pyarrow is not typed
    """A batch's columns as they lie in memory: numbers, and for lists where each begins and the numbers of all."""
    found: dict[str, Any] = {}
    for name, kind in SCHEMA.items():
        column = batch.column(batch.schema.get_field_index(name))
        if kind == "int32":
            found[name] = as_view(column, "i")
        elif kind.startswith("list"):
            found[name] = as_view(column.offsets, "i"), as_view(column.values, "I")
        else:
            found[name] = column
    return found


def _result(views: dict[str, Any], at: int) -> Result:  # Any: see _views
    number = views["number"][at]
    match views["sides"][at]:
        case 0:
            lengths = (views["whole0"][at], views["whole1"][at])
            known = tuple(length for length in lengths if length != _UNKNOWN)
            return Refused(number, views["reason"][at].as_py(), known)
        case 1:
            return _side(views, at, 0, number)
        case _:
            chosen, rejected = _side(views, at, 0, number), _side(views, at, 1, number)
            return EncodedPair(number, views["prompt"][at], chosen, rejected)


def _side(views: dict[str, Any], at: int, side: int, number: int) -> Encoded:  # Any: see _views
    ids, turns = _list(views[f"ids{side}"], at), _list(views[f"turns{side}"], at)
    trained = [False] * len(ids)
    for start, stop in zip(turns[::2], [*turns[1::2], len(ids)], strict=False):
        trained[start:stop] = [True] * (stop - start)
    label = views["label"][at]
    return Encoded(
        number,
        ids,
        trained,
        views[f"cut{side}"][at],
        views[f"controls{side}"][at],
        views["part"][at],
        views["parts"][at],
        None if label == _UNKNOWN else bool(label),
        bool(views[f"joined{side}"][at]),
    )


def _list(views: "tuple[memoryview[int], memoryview[int]]", at: int) -> list[int]:
    starts, values = views
    return values[starts[at] : starts[at + 1]].tolist()
