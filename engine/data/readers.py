"""Which reader a file gets. One function for each kind of file; columns get their meaning in shapes.

To add a kind of file: a function `Path, Reading -> iterator of (line, record)` and one line in `READERS`.
"""

from collections.abc import Iterator
from pathlib import Path

from engine.data.files import sniffed, suffix_of, text_lines
from engine.data.json_rows import read_json, read_jsonl
from engine.data.packing import PACKED, claimed_by_zip
from engine.data.reading import Located, Reader, Reading
from engine.data.table_rows import read_arrow, read_csv, read_parquet
from engine.job.errors import DataError


def read_records(path: Path, reading: Reading | None = None) -> Iterator[Located]:
    """The records of a file with their line numbers, streamed; faults where `reading` passes bad lines over.

    Raises DataError naming file, line and column for whatever is wrong with the file.
    """
    return _reader_for(path)(path, reading or Reading())


def is_readable(path: Path) -> bool:
    """Whether the name ends like a kind of file that can be read."""
    return suffix_of(path) in READERS


def read_text(path: Path, reading: Reading) -> Iterator[Located]:
    """Paragraphs between blank lines; in a file without a blank line, every line. The column is "text"."""
    has_blank = _has_blank(path)
    paragraph: list[tuple[int, str]] = []
    for number, line in text_lines(path, reading):
        if not isinstance(line, str):
            yield number, line
        elif line.strip():
            paragraph.append((number, line))
            if not has_blank:
                yield _joined(paragraph)
                paragraph = []
        elif paragraph:
            yield _joined(paragraph)
            paragraph = []
    if paragraph:
        yield _joined(paragraph)


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
_LOOKED_AT = 10_000  # lines


def _reader_for(path: Path) -> Reader:
    """By the file's first bytes where they speak, else by its name; raises DataError for the rest."""
    found, suffix = sniffed(path), suffix_of(path)
    known = ", ".join(READERS)
    if found in READERS:
        return READERS[found]
    if found and found not in PACKED:
        raise _wrong_kind(path, found)
    if suffix not in READERS:
        advice = f"Files that can be read: {known}."
        raise DataError(f"'{path.name}' is not a known kind of data file.", advice)
    if found not in PACKED and suffix in (".parquet", ".pq"):
        advice = "Name the file after what it holds, or download it again."
        raise DataError(f"'{path.name}' is not a Parquet file, though its name says so.", advice)
    return READERS[suffix]


def _wrong_kind(path: Path, found: str) -> DataError:
    claimed = claimed_by_zip(path) if found == ".zip" else 0
    holds = f" (it claims to hold {claimed / 1e6:,.1f} MB)" if claimed else ""
    advice = f"Unpack it or save the rows as one of: {', '.join(READERS)}."
    return DataError(f"'{path.name}' is a {found} file{holds}, which cannot be read as rows.", advice)


def _has_blank(path: Path) -> bool:
    """Whether a blank line stands between two that are not, as far as the beginning tells."""
    is_open = is_between = False
    for number, line in text_lines(path, Reading(skips=True)):
        if number > _LOOKED_AT:
            break
        if not isinstance(line, str) or line.strip():
            if is_between:
                return True
            is_open = True
        else:
            is_between = is_open
    return False


def _joined(lines: list[tuple[int, str]]) -> Located:
    return lines[0][0], {"text": "\n".join(line for _, line in lines)}
