"""The row cache: what large files hold, what was found in them, and their tokens, as Arrow files that are mapped.

Everything in it may be deleted at any time; it is kept under a bound, the longest unused first. Several processes may
use it at once: an entry is complete or absent, and what is damaged counts as absent.
"""

import contextlib
import hashlib
import json
import mmap
import os
import shutil
import sys
import tempfile
import time
import zlib
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, overload

from engine.data.reading import Fault, Located
from engine.library.folders import cache_folder

CACHE_BYTES = 2_000_000_000
_BATCH = 1024
_BATCH_BYTES = 8_000_000  # long rows make smaller batches
_BATCHES_KEPT = 4
_LET_GO = 4  # batches
_FORMAT = 2
_TABLE, _FACTS, _PART = "table.arrow", "facts.json", ".part"
_LEFT_OVER = 3600.0  # seconds without a change, after which nobody writes at a part any more
_PIECE = 1 << 20


def rows_cache() -> Path:
    """The folder of the row cache."""
    return cache_folder() / "rows"


def cache_size() -> int:
    """How many bytes the row cache takes on disk."""
    return sum(bytes_taken for _, bytes_taken, _ in _entries())


def clear_cache() -> None:
    """Remove all of the row cache but what is being written. What a program holds open stays until it is closed."""
    for used, _, folder in _entries():
        if not _is_being_written(folder, used):
            shutil.rmtree(folder, ignore_errors=True)


def trim_cache(most: int = CACHE_BYTES) -> None:
    """Remove what was longest unused until at most `most` bytes are left.

    The newest entry always stays, and so does what another process is writing.
    """
    entries = sorted(_entries())
    total = sum(taken for _, taken, _ in entries)
    for used, taken, folder in entries[:-1]:
        if total <= most:
            return
        if not _is_being_written(folder, used):
            shutil.rmtree(folder, ignore_errors=True)
            total -= taken


def key_of(*parts: object) -> str:
    """The name of a cache entry for these facts; another format of ours gives another name."""
    text = json.dumps([_FORMAT, *parts], default=str)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def as_arrow(numbers: "array[int]") -> Any:  # Any: pyarrow is not typed
    """Numbers (of type code "Q", "I" or "i") as an Arrow column, without a copy."""
    import pyarrow

    kind = {"Q": pyarrow.uint64, "I": pyarrow.uint32, "i": pyarrow.int32}[numbers.typecode]()
    return pyarrow.Array.from_buffers(kind, len(numbers), [None, pyarrow.py_buffer(numbers)])


def as_view(column: Any, code: str) -> "memoryview[int]":  # Any: pyarrow is not typed
    """An Arrow column of numbers without gaps as they lie in memory, without a copy. `code`: their type code."""
    size, data = array(code).itemsize, column.buffers()[1]
    whole = memoryview(b"" if data is None else data)
    part = whole[column.offset * size : (column.offset + len(column)) * size]
    return part.cast("B").cast(code)  # type: ignore[call-overload]  # codes of ours, not literals


def as_array(column: Any, code: str) -> "array[int]":  # Any: pyarrow is not typed
    """An Arrow column of numbers without gaps, in pieces or not, as numbers of a type code."""
    import pyarrow

    found = array(code)
    for piece in column.chunks if isinstance(column, pyarrow.ChunkedArray) else [column]:
        found.frombytes(as_view(piece, code).cast("B"))
    return found


class Columns:
    """A table that is written batch by batch below a key, with facts beside it; complete or absent.

    `schema` maps column names to Arrow type names. A table that is not `packed` can be read at any place without
    unpacking what lies around it. Every method raises OSError when the disk is full or cannot be written.
    """

    def __init__(self, key: str, schema: Mapping[str, str], is_packed: bool = True) -> None:
        import pyarrow

        self.folder = rows_cache() / key
        rows_cache().mkdir(parents=True, exist_ok=True)
        self._part = Path(tempfile.mkdtemp(prefix=f"{key}.", suffix=_PART, dir=rows_cache()))
        self._schema = arrow_schema(schema)
        options = pyarrow.ipc.IpcWriteOptions(compression="lz4" if is_packed else None)
        self._sink = pyarrow.OSFile(str(self._part / _TABLE), "wb")
        self._writer = pyarrow.ipc.new_file(self._sink, self._schema, options=options)

    def write(self, columns: Mapping[str, Sequence[Any]]) -> None:  # Any: of the columns' types
        """Append one batch."""
        import pyarrow

        arrays = [pyarrow.array(columns[field.name], field.type) for field in self._schema]
        self.write_batch(pyarrow.record_batch(arrays, schema=self._schema))

    def write_batch(self, batch: Any) -> None:  # Any: pyarrow is not typed
        """Append one Arrow record batch of this schema."""
        self._writer.write_batch(batch)

    def finish(self, facts: Mapping[str, object]) -> None:
        """Close the table; it can be opened from now on."""
        self._writer.close()
        self._sink.close()
        text = json.dumps(facts)
        label = {"key": self.folder.name, "sum": _sum(self._part / _TABLE, text), "facts": text}
        (self._part / _FACTS).write_text(json.dumps(label), "utf-8")
        if not self._is_moved() and StoredColumns.opened(self.folder.name) is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._is_moved()
        shutil.rmtree(self._part, ignore_errors=True)
        trim_cache()

    def abandon(self) -> None:
        """Remove what was written."""
        self._sink.close()
        shutil.rmtree(self._part, ignore_errors=True)

    def _is_moved(self) -> bool:
        """Whether the part could be moved to its place, where another process may have put the same before."""
        try:
            self._part.replace(self.folder)
        except OSError:
            return False
        return True


class StoredColumns:
    """An opened entry: `facts` as written, `batch(i)` the i-th batch, `count` their number.

    Raises OSError, ValueError, KeyError, TypeError or pyarrow's own errors for what is not whole.
    """

    def __init__(self, folder: Path) -> None:
        import pyarrow

        label = json.loads((folder / _FACTS).read_text("utf-8"))
        if (label["key"], label["sum"]) != (folder.name, _sum(folder / _TABLE, label["facts"])):
            raise ValueError(f"{folder} is not what was written there")
        self.facts: dict[str, Any] = json.loads(label["facts"])
        with (folder / _TABLE).open("rb") as file:
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        self._reader = pyarrow.ipc.open_file(pyarrow.py_buffer(self._map))
        self.count: int = self._reader.num_record_batches
        with contextlib.suppress(OSError):
            os.utime(folder)

    @classmethod
    def opened(cls, key: str) -> "StoredColumns | None":
        """The entry of a key; None when it is absent or damaged."""
        import pyarrow

        folder = rows_cache() / key
        try:
            return cls(folder)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError, pyarrow.ArrowException):
            shutil.rmtree(folder, ignore_errors=True)
            return None

    def batch(self, index: int) -> Any:  # Any: pyarrow is not typed
        """One batch of rows."""
        return self._reader.get_batch(index)

    def batches(self) -> Iterator[Any]:  # Any: pyarrow is not typed
        """All batches in order; those that were read do not add up in memory."""
        for index in range(self.count):
            yield self.batch(index)
            if index % _LET_GO == _LET_GO - 1:
                self.let_go()

    def let_go(self) -> None:
        """Count what was read no longer as this process's memory; it stays in the system's cache, and readable."""
        if sys.platform == "linux":
            self._map.madvise(mmap.MADV_DONTNEED)


class RecordStore:
    """Writes the records of one file."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._columns: dict[str, None] = {}

    def filled(self, located: Iterator[Located]) -> "StoredRecords":
        """All of `located` written and opened again; nothing is left behind when reading fails."""
        out = Columns(self._key, {"line": "int64", "record": "binary"})
        try:
            starts = self._write(out, located)
        except BaseException:
            out.abandon()
            raise
        out.finish({"columns": list(self._columns), "starts": starts})
        stored = StoredRecords.opened(self._key)
        if stored is None:
            raise FileNotFoundError(self._key)
        return stored

    def _write(self, out: Columns, located: Iterator[Located]) -> list[int]:
        """Where each batch begins, and where the last one ends."""
        lines, records, size, starts = list[int](), list[bytes](), 0, [0]
        for line, found in located:
            if isinstance(found, dict):
                self._columns.update(dict.fromkeys(found))
            lines.append(line)
            records.append(_packed(found))
            size += len(records[-1])
            if len(records) == _BATCH or size >= _BATCH_BYTES:
                out.write({"line": lines, "record": records})
                starts.append(starts[-1] + len(records))
                lines, records, size = [], [], 0
        if records:
            out.write({"line": lines, "record": records})
            starts.append(starts[-1] + len(records))
        return starts


class StoredRecords(Sequence[Located]):
    """The records of one file, read from the cache as they are asked for."""

    def __init__(self, stored: StoredColumns) -> None:
        self._stored = stored
        self.columns: tuple[str, ...] = tuple(stored.facts["columns"])
        self._starts: list[int] = stored.facts["starts"]
        self._rows = self._starts[-1]
        self._kept: OrderedDict[int, tuple[list[int], Any]] = OrderedDict()

    @classmethod
    def opened(cls, key: str) -> "StoredRecords | None":
        """The records of a key; None when they are not in the cache."""
        stored = StoredColumns.opened(key)
        return cls(stored) if stored else None

    def __len__(self) -> int:
        return self._rows

    @overload
    def __getitem__(self, index: int) -> Located: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Located]: ...
    def __getitem__(self, index: int | slice) -> Located | Sequence[Located]:
        if isinstance(index, slice):
            return [self[i] for i in range(*index.indices(self._rows))]
        if not -self._rows <= index < self._rows:
            raise IndexError(index)
        place = index % self._rows
        at = bisect_right(self._starts, place) - 1
        lines, records = self._batch(at)
        within = place - self._starts[at]
        return lines[within], _unpacked(records[within].as_py())

    def __iter__(self) -> Iterator[Located]:
        for batch in self._stored.batches():
            lines, records = batch.column(0).to_pylist(), batch.column(1).to_pylist()
            yield from ((line, _unpacked(record)) for line, record in zip(lines, records, strict=True))

    def maybe_holding(self, words: str) -> Iterator[tuple[int, Located | None]]:
        """Index and record of all that may hold these words of ASCII, in whatever case; the others without record.

        A record may hold them in a column's name, too. It is searched as it is packed, thirty times faster.
        """
        from pyarrow import compute

        index = 0
        for batch in self._stored.batches():
            lines, records = batch.columns
            may = compute.match_substring(records, json.dumps(words)[1:-1], ignore_case=True)
            for at, is_candidate in enumerate(may.to_pylist()):
                found = (lines[at].as_py(), _unpacked(records[at].as_py())) if is_candidate else None
                yield index, found
                index += 1

    def _batch(self, at: int) -> tuple[list[int], Any]:  # Any: pyarrow is not typed
        if at not in self._kept:
            batch = self._stored.batch(at)
            self._stored.let_go()  # it was unpacked: its place in the file is not needed any more
            self._kept[at] = batch.column(0).to_pylist(), batch.column(1)
            if len(self._kept) > _BATCHES_KEPT:
                self._kept.popitem(last=False)
        self._kept.move_to_end(at)
        return self._kept[at]


def _packed(found: object) -> bytes:
    value = [found.sentence, found.text] if isinstance(found, Fault) else found
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), default=str)
    return text.encode("utf-8", "surrogatepass")


def _unpacked(data: bytes) -> Any:  # Any: a record or a fault
    value = json.loads(data.decode("utf-8", "surrogatepass"))
    return Fault(*value) if isinstance(value, list) else value


def arrow_schema(schema: Mapping[str, str]) -> Any:  # Any: pyarrow is not typed
    """Column names and Arrow type names as Arrow's own schema; "list:uint32" is a list."""
    import pyarrow

    return pyarrow.schema([(name, _type(kind)) for name, kind in schema.items()])


def _type(kind: str) -> Any:  # Any: pyarrow is not typed
    import pyarrow

    if kind.startswith("list:"):
        return pyarrow.list_(_type(kind.removeprefix("list:")))
    return pyarrow.type_for_alias(kind)


def _sum(table: Path, facts: str) -> str:
    """A checksum over a table's bytes and what is said of it: disks and copies lose bits without a word."""
    total = zlib.crc32(facts.encode("utf-8", "surrogatepass"))
    with table.open("rb") as file:
        while piece := file.read(_PIECE):
            total = zlib.crc32(piece, total)
    return f"{total:08x}"


def _is_being_written(folder: Path, changed: float) -> bool:
    return folder.suffix == _PART and time.time() - changed < _LEFT_OVER


def _entries() -> list[tuple[float, int, Path]]:
    """Last use, or last change of what is being written, bytes and folder of every entry."""
    found = []
    with contextlib.suppress(OSError):
        for folder in rows_cache().iterdir():
            with contextlib.suppress(OSError):
                files = [file.stat() for file in folder.iterdir()] if folder.is_dir() else []
                used = folder.stat().st_mtime
                if folder.suffix == _PART:
                    used = max([used, *(file.st_mtime for file in files)])
                found.append((used, sum(file.st_size for file in files), folder))
    return found
