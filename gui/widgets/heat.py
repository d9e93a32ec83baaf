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
    """Where the cells of a heat map lie, in pixels: names stand left of `left` and above `top`.

    `across` and `down` is how far it has been scrolled, `room` (width, height) the size of what is seen.
    """

    rows: int
    columns: int
    height: float
    width: float
    left: float
    top: float
    room: tuple[float, float]
    is_time: bool = False
    across: float = 0.0
    down: float = 0.0

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

    @property
    def needed(self) -> tuple[float, float]:
        """The width and height that all of it takes."""
        return self.left + self.columns * self.width, self.top + self.rows * self.height

    def x(self, column: int) -> float:
        """The left edge of a column, as it is seen."""
        return self.left + column * self.width - self.across

    def y(self, row: int) -> float:
        """The upper edge of a row, as it is seen."""
        return self.top + row * self.height - self.down

    def at(self, x: float, y: float) -> tuple[int, int] | None:
        """The (row, column) at a place that is seen, None outside and on the names."""
        if x < self.left or y < self.top:
            return None
        row, column = (
            int((y - self.top + self.down) / self.height),
            int((x - self.left + self.across) / self.width),
        )
        return (row, column) if row < self.rows and column < self.columns else None

    def in_view(self) -> tuple[range, range]:
        """The rows and columns of which something is seen."""
        last_row = int((self.down + self.room[1] - self.top) / self.height)
        last_column = int((self.across + self.room[0] - self.left) / self.width)
        return (
            range(int(self.down / self.height), min(self.rows, last_row + 1)),
            range(int(self.across / self.width), min(self.columns, last_column + 1)),
        )


def cells_in(
    heat: Heat, left: float, top: float, room: tuple[float, float], across: float = 0.0, down: float = 0.0
) -> Cells:
    """The cells of a heat map in so much room: as large as fits, but never too small to see; then they scroll."""
    rows, columns = len(heat.rows), len(heat.columns)
    tall = min(TALLEST, max(SMALLEST, (room[1] - top) / max(1, rows)))
    least = 0.5 if heat.is_time else NARROWEST
    wide = max(least, (room[0] - left) / max(1, columns))
    return Cells(rows, columns, tall, wide, left, top, room, heat.is_time, across, down)


def named(count: int, cell: float, widest: float) -> range:
    """Which of so many rows or columns have room for their name: evenly spaced, the first among them."""
    return range(0, count, max(1, -int(-widest // max(0.5, cell))))
