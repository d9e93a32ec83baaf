"""Opening a data file: what it really is, compression, encoding, hash. What stands in it is the readers'."""

import codecs
import gzip
import hashlib
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from engine.job.errors import DataError

LONGEST_LINE = 50_000_000
_BOMS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_MAGIC = (
    (b"PAR1", ".parquet"),
    (b"ARROW1", ".arrow"),
    (b"PK\x03\x04", ".zip"),
    (b"\x1f\x8b", ".gz"),
    (b"\x28\xb5\x2f\xfd", ".zst"),
    (b"%PDF", ".pdf"),
    (b"\xd0\xcf\x11\xe0", ".xls"),
)


def sniffed(path: Path) -> str:
    """The suffix that the file's first bytes speak of (".parquet", ".zip", ...), or "" for text.

    Raises DataError when the file is missing, not a file, unreadable or empty.
    """
    with opened(path) as file:
        start = file.read(8)
    if not start:
        raise DataError(f"There are no examples in '{path.name}': the file is empty.", "Choose another file.")
    return next((suffix for magic, suffix in _MAGIC if start.startswith(magic)), "")


@contextmanager
def opened(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes as they are on disk; raises DataError when it cannot be opened."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise DataError(
            f"The data file {path} does not exist.", "Check the path, or choose a file."
        ) from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder, not a file.", "Choose a file in it.") from None
    except OSError as error:
        advice = "Check the file's permissions."
        raise DataError(f"The data file {path} cannot be read: {error.strerror}.", advice) from None
    with file:
        yield file


@contextmanager
def unpacked(path: Path) -> Iterator[BinaryIO]:
    """The file's bytes, unpacked where it is compressed by gzip or zstd."""
    packing = sniffed(path)
    with opened(path) as file:
        try:
            if packing == ".gz":
                with gzip.open(file) as plain:
                    yield io.BufferedReader(plain)
            elif packing == ".zst":
                import pyarrow

                with pyarrow.CompressedInputStream(file, "zstd") as plain:
                    yield io.BufferedReader(plain)
            else:
                yield file
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            advice = "Copy or download it again."
            raise DataError(f"'{path.name}' is damaged and cannot be unpacked: {error}.", advice) from None


@contextmanager
def open_text(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """The file as text: UTF-8, or what its byte-order mark says. Raises DataError naming line and guess."""
    with unpacked(path) as file:
        head = file.peek(4)[:4] if isinstance(file, io.BufferedReader) else b""
        encoding = next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")
        try:
            yield io.TextIOWrapper(file, encoding=encoding, newline=newline)
        except UnicodeDecodeError:
            raise _wrong_encoding(path, encoding) from None


def text_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Line numbers (from 1) and lines without their ends; raises DataError for a line beyond 50 MB."""
    with open_text(path) as file:
        number = 0
        while line := file.readline(LONGEST_LINE + 1):
            number += 1
            if len(line) > LONGEST_LINE:
                limit = f"{LONGEST_LINE // 1_000_000} MB"
                advice = f"Split the file so that no line is longer than {limit}."
                raise DataError(f"Line {number} of '{path.name}' is longer than {limit}.", advice)
            yield number, line.rstrip("\n")


def digest(path: Path) -> str:
    """The SHA-256 of the file's bytes, in hex."""
    total = hashlib.sha256()
    with opened(path) as file:
        while part := file.read(1 << 20):
            total.update(part)
    return total.hexdigest()


def _wrong_encoding(path: Path, encoding: str) -> DataError:
    """The sentence for text that is not what it should be: which line, and what it looks like."""
    with unpacked(path) as file:
        number, line = _first_bad_line(file)
    name = encoding.upper().replace("-SIG", "")
    where = f"Line {number} of '{path.name}'" if encoding.startswith("utf-8") else f"'{path.name}'"
    guess = "UTF-16" if b"\0" in line else "Windows-1252 (Latin-1)"
    advice = "Save the file as UTF-8 and open it again."
    return DataError(f"{where} is not valid {name}; the file looks like {guess}.", advice)


def _first_bad_line(file: BinaryIO) -> tuple[int, bytes]:
    number, line = 0, b""
    while line := file.readline(LONGEST_LINE):
        number += 1
        try:
            line.decode("utf-8")
        except UnicodeDecodeError:
            break
    return number, line
