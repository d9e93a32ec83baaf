"""Plain facts of data that cross a process: a hub dataset's parts, and what was read of each source."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DatasetPart:
    """A split of a subset of a hub dataset; "" where there are none. `rows` as its card tells, None when it does not."""

    subset: str
    split: str
    files: int
    bytes: int
    bytes_here: int
    rows: int | None = None


@dataclass(frozen=True)
class SourceRead:
    """What was read of one [[data]]: rows (usable or not), its columns, and the column of each role."""

    rows: int
    columns: tuple[str, ...]
    roles: dict[str, str]
