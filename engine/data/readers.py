"""One function for each kind of file: from a path to records with their lines. Columns get their meaning in shapes.

To add a kind of file: a function `Path, split -> iterator of (line, record)` and one line in `READERS`.
"""

import csv
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from engine.data.files import LONGEST_LINE, open_text, sniffed, text_lines
from engine.job.errors import DataError

Record = dict[str, Any]  # Any: whatever stands in the file
Located = tuple[int, Record]  # line number from 1, or 0 where a file has no lines
Reader = Callable[[Path, str | None], Iterator[Located]]

_PACKED = (".gz", ".zst")
_SHORT = 80


def read_records(path: Path, split: str | None = None) -> Iterator[Located]:
    """The records of a file with their line numbers, streamed.

    Raises DataError naming file, line and column for whatever is wrong with the file.
    """
    return _reader_for(path)(path, split)


def is_readable(path: Path) -> bool:
    """Whether the name ends like a kind of file that can be read."""
    return _suffix(path) in READERS


def read_jsonl(path: Path, split: str | None) -> Iterator[Located]:
    """One JSON object a line; blank lines are passed over."""
    for number, line in text_lines(path):
        if line.strip():
            yield number, _as_record(_parse(line, path, number), path, f"Line {number}")


def read_json(path: Path, split: str | None) -> Iterator[Located]:
    """A list of objects, an object that holds one list (or one list a split), or one object a line."""
    with open_text(path) as file:
        text = file.read()
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" not in text[: error.pos].strip():  # one object a line
            yield from read_jsonl(path, split)
            return
        raise _malformed(path, error.lineno, error.colno, error.msg, _line_at(text, error.lineno)) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{path.name}' is not usable JSON: {error}.", "Mend the file.") from None
    for number, value in enumerate(_rows_in(document, path, split), 1):
        yield 0, _as_record(value, path, f"Row {number}")


def read_csv(path: Path, split: str | None) -> Iterator[Located]:
    """A table with a header; comma, semicolon or tab is taken from the header. All values are text."""
    with open_text(path, newline="") as file:
        delimiter = "\t" if _suffix(path) == ".tsv" else _delimiter(path)
        csv.field_size_limit(LONGEST_LINE)
        table = csv.reader(file, delimiter=delimiter, strict=True)
        try:
            header = _header(next((row for row in table if any(row)), []), path)
            for row in table:
                if not row:
                    continue
                if len(row) != len(header):
                    _refuse_ragged(path, table.line_num, len(row), len(header))
                yield table.line_num, dict(zip(header, row, strict=True))
        except csv.Error as error:
            advice = "Check the quotation marks around that value."
            raise DataError(f"Line {table.line_num} of '{path.name}' is damaged: {error}.", advice) from None


def read_parquet(path: Path, split: str | None) -> Iterator[Located]:
    """A Parquet table, one batch of rows after another."""
    import pyarrow
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(path) as table:
            _refuse_repeated([str(name) for name in table.schema_arrow.names], path)
            for batch in table.iter_batches(batch_size=1024):
                for record in batch.to_pylist():
                    yield 0, record
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, "Parquet", error) from None


def read_arrow(path: Path, split: str | None) -> Iterator[Located]:
    """An Arrow table, in the file or the stream format."""
    import pyarrow

    try:
        with pyarrow.OSFile(str(path)) as file:
            is_file = file.read(6) == b"ARROW1"
            file.seek(0)
            if is_file:
                table = pyarrow.ipc.open_file(file)
                batches = (table.get_batch(i) for i in range(table.num_record_batches))
            else:
                batches = iter(pyarrow.ipc.open_stream(file))
            for batch in batches:
                for record in batch.to_pylist():
                    yield 0, record
    except (pyarrow.ArrowException, OSError) as error:
        raise _damaged(path, "Arrow", error) from None


def read_text(path: Path, split: str | None) -> Iterator[Located]:
    """Paragraphs between blank lines; in a file without a blank line, every line. The column is "text"."""
    paragraph: list[tuple[int, str]] = []
    has_blank = False
    for number, line in text_lines(path):
        if line.strip():
            paragraph.append((number, line))
        elif paragraph:
            has_blank = True
            yield _joined(paragraph)
            paragraph = []
    if paragraph and has_blank:
        yield _joined(paragraph)
    elif paragraph:
        yield from (_joined([part]) for part in paragraph)


READERS: dict[str, Reader] = {
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
    ".json": read_json,
    ".csv": read_csv,
    ".tsv": read_csv,
    ".parquet": read_parquet,
    ".pq": read_parquet,
    ".arrow": read_arrow,
    ".txt": read_text,
    ".text": read_text,
    ".md": read_text,
}
_BINARY = {".parquet": "a Parquet", ".pq": "a Parquet", ".arrow": "an Arrow"}


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that a row may hold")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _suffix(path: Path) -> str:
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] in _PACKED:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def _reader_for(path: Path) -> Reader:
    """By the file's first bytes where they speak, else by its name; raises DataError for the rest."""
    found, suffix = sniffed(path), _suffix(path)
    known = ", ".join(READERS)
    if found in READERS:
        return READERS[found]
    if found and found not in _PACKED:
        advice = f"Unpack it or save the rows as one of: {known}."
        raise DataError(f"'{path.name}' is a {found} file, which cannot be read as rows.", advice)
    if suffix not in READERS:
        advice = f"Files that can be read: {known}."
        raise DataError(f"'{path.name}' is not a known kind of data file.", advice)
    if found in _PACKED and suffix in _BINARY:
        raise DataError(f"'{path.name}' is compressed twice.", f"Unpack it to {suffix} first.")
    if suffix in (".parquet", ".pq"):
        advice = "Name the file after what it holds, or download it again."
        raise DataError(f"'{path.name}' is not a Parquet file, though its name says so.", advice)
    return READERS[suffix]


def _parse(line: str, path: Path, number: int) -> object:
    try:
        value: object = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise _malformed(path, number, error.colno, error.msg, line) from None
    except (ValueError, RecursionError) as error:
        title = f"Line {number} of '{path.name}' cannot be used: {error}."
        raise DataError(title, "Mend or remove that line.") from None
    return value


def _malformed(path: Path, line: int, column: int, reason: str, text: str) -> DataError:
    shown = text.strip()
    shown = shown if len(shown) <= _SHORT else shown[: _SHORT - 1] + "…"
    title = f"Line {line} of '{path.name}' is not valid JSON at column {column} ({reason}): {shown}"
    return DataError(title, "Mend or remove that line.")


def _line_at(text: str, number: int) -> str:
    lines = text.split("\n", number)
    return lines[number - 1] if number <= len(lines) else ""


def _as_record(value: object, path: Path, where: str) -> Record:
    if isinstance(value, dict):
        return value
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    found = kinds.get(type(value), "a number")
    advice = 'Every row must be an object such as {"instruction": "...", "response": "..."}.'
    raise DataError(f"{where} of '{path.name}' is {found}, not an object.", advice)


def _rows_in(document: object, path: Path, split: str | None) -> list[Any]:
    """The list of rows in a JSON document."""
    if isinstance(document, list):
        return document
    if not isinstance(document, Mapping):
        raise DataError(f"'{path.name}' holds no list of rows.", "Give a list of objects.")
    lists = {key: value for key, value in document.items() if _is_list_of_objects(value)}
    if split is not None and split in lists:
        return lists[split]
    if len(lists) == 1 and split is None:
        return next(iter(lists.values()))
    if not lists:
        advice = "Give a list of objects, or an object that holds one such list."
        raise DataError(f"'{path.name}' holds no list of rows.", advice)
    names = ", ".join(f"'{name}'" for name in lists)
    raise DataError(f"'{path.name}' holds the lists {names}.", 'Say which one to take: split = "...".')


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value[:10])


def _delimiter(path: Path) -> str:
    """What separates the columns: the one of comma, semicolon and tab that the header holds most often."""
    header = next((line for _, line in text_lines(path) if line.strip()), "")
    bare = re.sub(r'"[^"]*"', "", header)
    return max((",", ";", "\t"), key=bare.count)


def _header(names: list[str], path: Path) -> list[str]:
    header = [name.strip() or f"column {number}" for number, name in enumerate(names, 1)]
    _refuse_repeated(header, path)
    return header


def _refuse_repeated(names: list[str], path: Path) -> None:
    repeated = next((name for number, name in enumerate(names) if name in names[:number]), None)
    if repeated is not None:
        title = f"'{path.name}' has two columns named '{repeated}'."
        raise DataError(title, "Rename or remove one of them.")


def _refuse_ragged(path: Path, line: int, found: int, expected: int) -> NoReturn:
    values = f"{found} value" + ("" if found == 1 else "s")
    title = f"Line {line} of '{path.name}' has {values} where the header names {expected} columns."
    raise DataError(title, "Put values that hold the separator or a line break in quotation marks.")


def _damaged(path: Path, kind: str, error: Exception) -> DataError:
    reason = " ".join(str(error).split())[:200].rstrip(".")
    advice = "It may be cut short: copy or download it again."
    return DataError(f"'{path.name}' cannot be read as {kind}: {reason}.", advice)


def _joined(lines: list[tuple[int, str]]) -> Located:
    return lines[0][0], {"text": "\n".join(line for _, line in lines)}
