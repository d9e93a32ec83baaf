"""What a heat map shows, and where its cells lie. No Qt."""

from collections.abc import Sequence
from dataclasses import dataclass

SMALLEST = 16  # pixels, a row
TALLEST = 64
NARROWEST = 6
NUMBER_WIDTH = 22
NUMBER_HEIGHT = 16


@dataclass(frozen=True)
class Heat:
    """Values (rows, columns), shown from `low` (empty) to `high` (full colour); `outlined` cells need attention.

    `in_percent` writes each value into its cell where there is room. With `is_time` the columns share the width,
    however many there are, and only some are named.
    """

    rows: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    values: Sequence[Sequence[float]] = ()
    low: float = 0.0
    high: float = 1.0
    outlined: frozenset[tuple[int, int]] = frozenset()
    in_percent: bool = False
    is_time: bool = False

    def strength(self, row: int, column: int) -> float:
        """How strong a cell's colour is, 0 to 1 and beyond."""
        return (self.values[row][column] - self.low) / max(1e-9, self.high - self.low)


@dataclass(frozen=True)
class Cells:
    """Where the cells of a heat map lie: pixels, from the corner where its rows and columns begin."""

    rows: int
    columns: int
    height: float
    width: float
    is_time: bool = False

    @property
    def gap(self) -> int:
        """Between two cells of a row; those of a course touch."""
        if self.is_time:
            return 0
        return 3 if min(self.height, self.width) >= NUMBER_HEIGHT else 1

    @property
    def row_gap(self) -> int:
        """Between two rows."""
        return 2 if self.is_time else self.gap

    @property
    def has_numbers(self) -> bool:
        """Whether a number has room in a cell."""
        return self.width >= NUMBER_WIDTH and self.height >= NUMBER_HEIGHT

    def at(self, x: float, y: float) -> tuple[int, int] | None:
        """The (row, column) at a place, None outside."""
        if x < 0 or y < 0 or not self.rows or not self.columns:
            return None
        row, column = int(y / self.height), int(x / self.width)
        return (row, column) if row < self.rows and column < self.columns else None


def cells_in(heat: Heat, width: float, height: float) -> Cells:
    """The cells of a heat map in so much room: as large as fits, but never too small to see; then they scroll."""
    rows, columns = len(heat.rows), len(heat.columns)
    tall = min(TALLEST, max(SMALLEST, height / max(1, rows)))
    least = 0.5 if heat.is_time else NARROWEST
    return Cells(rows, columns, tall, max(least, width / max(1, columns)), heat.is_time)


def named_columns(names: Sequence[str], cell: float, widest: float) -> list[int]:
    """Which columns have room for their name, when each cell is `cell` wide: evenly spaced, the first among them."""
    stride = max(1, -int(-(widest + 6) // max(0.5, cell)))
    return list(range(0, len(names), stride))
