"""The numbers behind a curve: growing buffers, a running average, and thinning for the screen. numpy only."""

from typing import Literal

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Axis = Literal["step", "tokens", "seconds"]

BLOCK = 64
BUCKETS = 500
SMOOTH_POINTS = 500
_COLUMNS = ("step", "tokens", "seconds", "value", "sum", "weight")


class Series:
    """One curve: a value a step. Appending costs O(1) amortised; a step that is not newer replaces what followed.

    The running average of factor a is s = sum / weight with sum' = a*sum + (1-a)*y and weight' = a*weight + (1-a),
    which is the exponential average without its bias towards the start. Values that are not finite weigh nothing.
    """

    def __init__(self, smoothing: float = 0.9) -> None:
        self._columns = {name: np.empty(256) for name in _COLUMNS}
        self._low = np.empty(16)
        self._high = np.empty(16)
        self._smoothing = smoothing
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def append(self, step: float, value: float, tokens: float = 0.0, seconds: float = 0.0) -> None:
        """Add the value of one step."""
        self._make_room_for(step)
        at = self._count
        is_finite = value - value == 0
        fresh = 1.0 - self._smoothing
        columns = self._columns
        before_sum = float(columns["sum"][at - 1]) if at else 0.0
        before_weight = float(columns["weight"][at - 1]) if at else 0.0
        row = (
            step,
            tokens,
            seconds,
            value if is_finite else np.nan,
            self._smoothing * before_sum + (fresh * value if is_finite else 0.0),
            self._smoothing * before_weight + (fresh if is_finite else 0.0),
        )
        for name, entry in zip(_COLUMNS, row, strict=True):
            columns[name][at] = entry
        self._count = at + 1
        if self._count % BLOCK == 0:
            self._close_block(self._count // BLOCK - 1)

    def set_smoothing(self, factor: float) -> None:
        """Change the factor, 0 (none) to below 1, and average everything anew."""
        self._smoothing = factor
        values = self.column("value")
        is_finite = np.isfinite(values)
        fresh = 1.0 - factor
        self._columns["sum"][: self._count] = decayed_sum(np.where(is_finite, values, 0.0) * fresh, factor)
        self._columns["weight"][: self._count] = decayed_sum(is_finite * fresh, factor)

    def column(self, name: str) -> Array:
        """A view of step, tokens, seconds or value."""
        return self._columns[name][: self._count]

    def smoothed(self, at: "slice | NDArray[np.intp]" = slice(None)) -> Array:
        """The running average, at some places or everywhere; NaN before the first finite value."""
        weights = self.column("weight")[at]
        sums = self.column("sum")[at]
        result: Array = np.divide(sums, weights, out=np.full(len(sums), np.nan), where=weights > 0)
        return result

    def window(self, axis: Axis, low: float, high: float) -> tuple[int, int]:
        """Which places lie between two values of the axis, with one neighbour on each side."""
        places = self.column(axis)
        first = int(np.searchsorted(places, low, "left")) - 1
        last = int(np.searchsorted(places, high, "right")) + 1
        return max(0, first), min(self._count, last)

    def nearest(self, axis: Axis, place: float) -> int | None:
        """The index of the value nearest to a place on the axis, None while there is none."""
        if not self._count:
            return None
        places = self.column(axis)
        right = min(int(np.searchsorted(places, place)), self._count - 1)
        left = max(0, right - 1)
        return left if abs(places[left] - place) <= abs(places[right] - place) else right

    def raw_line(self, axis: Axis, first: int, last: int) -> tuple[Array, Array]:
        """Points between two indices for the screen: all of them, or low and high of about `BUCKETS` buckets."""
        count = last - first
        if count <= 2 * BUCKETS:
            return self.column(axis)[first:last], self.column("value")[first:last]
        if count < BLOCK * BUCKETS:
            return self._buckets_of_values(axis, first, last)
        return self._buckets_of_blocks(axis, first, last)

    def smooth_line(self, axis: Axis, first: int, last: int) -> tuple[Array, Array]:
        """Evenly thinned points of the running average, always with the last one."""
        if last <= first:
            return np.empty(0), np.empty(0)
        stride = max(1, (last - first) // SMOOTH_POINTS)
        at = np.arange(first, last, stride)
        if at[-1] != last - 1:
            at = np.append(at, last - 1)
        return self.column(axis)[at], self.smoothed(at)

    def _buckets_of_values(self, axis: Axis, first: int, last: int) -> tuple[Array, Array]:
        size = -(-(last - first) // BUCKETS)
        starts = np.arange(first, last, size)
        values = self.column("value")[first:last]
        low = np.fmin.reduceat(values, starts - first)
        high = np.fmax.reduceat(values, starts - first)
        return _zigzag(self.column(axis), starts, last, low, high)

    def _buckets_of_blocks(self, axis: Axis, first: int, last: int) -> tuple[Array, Array]:
        begin, end = -(-first // BLOCK), last // BLOCK
        size = -(-(end - begin) // BUCKETS)
        groups = np.arange(0, end - begin, size)
        low = np.fmin.reduceat(self._low[begin:end], groups)
        high = np.fmax.reduceat(self._high[begin:end], groups)
        x, y = _zigzag(self.column(axis), (begin + groups) * BLOCK, end * BLOCK, low, high)
        rest = slice(end * BLOCK, last)
        return np.concatenate((x, self.column(axis)[rest])), np.concatenate((y, self.column("value")[rest]))

    def _make_room_for(self, step: float) -> None:
        if self._count and step <= self._columns["step"][self._count - 1]:
            self._count = int(np.searchsorted(self.column("step"), step, "left"))
        if self._count == len(self._columns["step"]):
            self._columns = {name: _doubled(column) for name, column in self._columns.items()}

    def _close_block(self, block: int) -> None:
        if block >= len(self._low):
            self._low, self._high = _doubled(self._low), _doubled(self._high)
        values = self._columns["value"][block * BLOCK : (block + 1) * BLOCK]
        self._low[block] = np.fmin.reduce(values)
        self._high[block] = np.fmax.reduce(values)


def decayed_sum(values: Array, factor: float) -> Array:
    """y[i] = factor * y[i-1] + values[i], in blocks: a triangular product within, the same sum over block ends."""
    count = len(values)
    if count == 0 or factor == 0.0:
        return values.astype(np.float64)
    if count <= BLOCK:
        return _powers(factor, count) @ values
    blocks = -(-count // BLOCK)
    padded = np.zeros(blocks * BLOCK)
    padded[:count] = values
    inside = padded.reshape(blocks, BLOCK) @ _powers(factor, BLOCK).T
    carried = decayed_sum(inside[:-1, -1], factor**BLOCK)
    inside[1:] += carried[:, None] * factor ** np.arange(1, BLOCK + 1)
    return inside.reshape(-1)[:count]


def _powers(factor: float, size: int) -> Array:
    """(size, size) lower triangle with factor**(row - column)."""
    exponents = np.arange(size)[:, None] - np.arange(size)[None, :]
    return np.where(exponents >= 0, factor ** np.maximum(exponents, 0.0), 0.0)


def _zigzag(
    places: Array, starts: "NDArray[np.intp]", last: int, low: Array, high: Array
) -> tuple[Array, Array]:
    """Low and high of each bucket as two points, the second half a bucket later."""
    ends = np.append(starts[1:], last)
    x = np.empty(2 * len(starts))
    y = np.empty(2 * len(starts))
    x[0::2] = places[starts]
    x[1::2] = places[(starts + ends - 1) // 2]
    y[0::2] = low
    y[1::2] = high
    return x, y


def _doubled(column: Array) -> Array:
    grown = np.empty(2 * len(column))
    grown[: len(column)] = column
    return grown
