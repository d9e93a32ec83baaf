"""Rows from tables: CSV and TSV as text, Parquet and Arrow batch by batch."""

import csv
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any, BinaryIO

from engine.data.files import (
    LONGEST_LINE,
    bounded_lines,
    open_text,
    opened,
    sniffed,
    suffix_of,
    text_lines,
    unpacked,
)
from engine.data.packing import PACKED
from engine.data.plain import plain_records
from engine.data.reading import Located, Reading, refuse_repeated
from engine.job.errors import DataError


def read_csv(path: Path, reading: Reading) -> Iterator[Located]:
    """A table with a header; comma, semicolon or tab is taken from the header. All values are text."""
    with open_text(path, newline="") as file:
        delimiter = "\t" if suffix_of(path) == ".tsv" else _delimiter(path)
        csv.field_size_limit(LONGEST_LINE)
        table = csv.reader(bounded_lines(file, path), delimiter=delimiter, strict=True)
        try:
            header = _header(next((row for row in table if any(row)), []), path)
            for row in table:
                if not row:
                    continue
                if len(row) != len(header):
                    error = _ragged(path, table.line_num, len(row), len(header))
                    yield reading.bad(table.line_num, error, delimiter.join(row))
                    continue
                yield table.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            advice = "Check the quotation marks around that value."
            raise DataError(f"Line {table.line_num} of '{path.name}' is damaged: {error}.", advice) from None


def read_parquet(path: Path, reading: Reading) -> Iterator[Located]:
    """A Parquet table, one batch of rows after another."""
    import pyarrow
    from pyarrow import parquet

    try:
        with _on_disk(path) as source, parquet.ParquetFile(source) as table:
            refuse_repeated([str(name) for name in table.schema_arrow.names], path)
            for batch in table.iter_batches(batch_size=1024):
                for record in plain_records(batch):
                    yield 0, record
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, "Parquet", error) from None


def read_arrow(path: Path, reading: Reading) -> Iterator[Located]:
    """An Arrow table, in the file or the stream format."""
    import pyarrow

    try:
        with _on_disk(path) as source, pyarrow.PythonFile(source, "r") as file:
            is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            for batch in _batches(file, is_file):
                refuse_repeated([str(name) for name in batch.schema.names], path)
                for record in plain_records(batch):
                    yield 0, record
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise _damaged(path, "Arrow", error) from None


@contextmanager
def _on_disk(path: Path) -> Iterator[BinaryIO]:
    """The file, or what is packed in it: these kinds are read from their end, so it is unpacked first."""
    if sniffed(path) not in PACKED:
        with opened(path) as file:
            yield file
        return
    with unpacked(path) as packed, TemporaryFile() as whole:
        shutil.copyfileobj(packed, whole)
        whole.seek(0)
        yield whole


def _batches(file: Any, is_file: bool) -> Iterator[Any]:  # Any: pyarrow is not typed
    import pyarrow

    if not is_file:
        yield from pyarrow.ipc.open_stream(file)
        return
    table = pyarrow.ipc.open_file(file)
    for number in range(table.num_record_batches):
        yield table.get_batch(number)


def _delimiter(path: Path) -> str:
    """What separates the columns: the one of comma, semicolon and tab that the header holds most often."""
    header = next((line for _, line in text_lines(path) if isinstance(line, str) and line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", header)
    return max((",", ";", "\t"), key=bare.count)


def _header(names: list[str], path: Path) -> list[str]:
    header = [name.strip() or f"column {number}" for number, name in enumerate(names, 1)]
    refuse_repeated(header, path)
    return header


def _ragged(path: Path, line: int, found: int, expected: int) -> DataError:
    values = f"{found} value" + ("" if found == 1 else "s")
    title = f"Line {line} of '{path.name}' has {values} where the header names {expected} columns."
    return DataError(title, "Put values that hold the separator or a line break in quotation marks.")


def _damaged(path: Path, kind: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    advice = "It may be cut short: copy or download it again."
    return DataError(f"'{path.name}' cannot be read as {kind}: {reason}.", advice)
