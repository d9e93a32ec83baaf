"""Rows to train on and rows to check with: split by what is asked, so that no checked prompt was trained on."""

import hashlib
from array import array
from collections.abc import Sequence
from typing import TypeVar, cast, overload

from engine.data.rows import Row, prompt_key
from engine.data.rows_view import Rows
from engine.data.store import as_arrow

R = TypeVar("R", bound=Row)
_SPREAD = (
    0x9E3779B97F4A7C15  # 2^64 divided by the golden ratio: multiplying by it spreads the lower bits upwards
)


@overload
def split(rows: Rows, share: float, seed: int) -> tuple[Rows, Rows]: ...
@overload
def split(rows: Sequence[R], share: float, seed: int) -> tuple[Sequence[R], Sequence[R]]: ...
def split(rows: Sequence[R], share: float, seed: int) -> tuple[Sequence[R], Sequence[R]]:
    """Training and validation rows: rows with the same prompt stay together, a seed always gives the same.

    Validation gets about `share` of the rows, at least one when share > 0 and there are two prompts.
    A row that a weight repeats stands in validation once.
    """
    if share <= 0 or len(rows) < 2:
        return rows, rows[:0]
    prompts = rows.prompts if isinstance(rows, Rows) else array("Q", map(prompt_key, rows))
    held = _held_out(prompts, max(1, round(share * len(rows))), seed)
    train, kept, seen = array("Q"), array("Q"), set[int]()
    for position, prompt in enumerate(prompts):
        if prompt not in held:
            train.append(position)
            continue
        number = rows.numbers[position] if isinstance(rows, Rows) else rows[position].number
        if number not in seen:
            seen.add(number)
            kept.append(position)
    return _at(rows, train), _at(rows, kept)


def _at(rows: Sequence[R], positions: "array[int]") -> Sequence[R]:
    if isinstance(rows, Rows):
        return cast("Sequence[R]", rows.at(positions))
    return [rows[position] for position in positions]


def _held_out(prompts: "array[int]", wanted: int, seed: int) -> set[int]:
    """Prompts drawn by a seeded hash as long as they fit into `wanted` rows; if none fits, the smallest."""
    import pyarrow
    from pyarrow import compute

    counts = compute.value_counts(as_arrow(prompts))
    keys, sizes = counts.field(0), counts.field(1)
    if len(keys) < 2:
        return set()
    start = int.from_bytes(hashlib.blake2b(str(seed).encode(), digest_size=8).digest(), "big")
    mixed = compute.bit_wise_xor(keys, pyarrow.scalar(start, pyarrow.uint64()))
    mixed = compute.multiply(mixed, pyarrow.scalar(_SPREAD, pyarrow.uint64()))
    order = compute.sort_indices(mixed)
    held, room, smallest, last = set[int](), wanted, (-1, -1), -1
    for at in order:
        key, size = keys[at.as_py()].as_py(), sizes[at.as_py()].as_py()
        smallest = (key, size) if smallest[1] < 0 or size < smallest[1] else smallest
        last = key
        if size <= room:
            held.add(key)
            room -= size
        if room == 0:
            break
    held = held or {smallest[0]}
    return held if len(held) < len(keys) else held - {last}
