"""Opening a data file: what it really is, encoding, lines, hash. What stands in it is the readers'."""

import codecs
import hashlib
import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, TextIO

from engine.data.packing import PACKED, refuse_bomb, unpacking
from engine.data.reading import Fault, Reading
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
        if packing not in PACKED:
            yield file
            return
        refuse_bomb(file, path, packing)
        with unpacking(file, path, packing) as plain:
            yield plain


@contextmanager
def open_text(path: Path, newline: str | None = None) -> Iterator[TextIO]:
    """The file as text: UTF-8, or what its byte-order mark says. Raises DataError naming line and guess."""
    with unpacked(path) as file:
        encoding = _encoding(file)
        try:
            yield io.TextIOWrapper(file, encoding=encoding, newline=newline)
        except UnicodeDecodeError:
            raise _wrong_encoding(path, encoding) from None


def text_lines(path: Path, reading: Reading | None = None) -> Iterator[tuple[int, str | Fault]]:
    """Line numbers (from 1) and lines without their ends.

    A line beyond 50 MB or in another encoding is a fault where `reading` passes it over, else a DataError.
    """
    reading = reading or Reading()
    with unpacked(path) as file:
        if _encoding(file) in ("utf-8", "utf-8-sig"):
            yield from _byte_lines(file, path, reading)
            return
    with open_text(path) as text:
        yield from _wide_lines(text, path, reading)


def _byte_lines(file: BinaryIO, path: Path, reading: Reading) -> Iterator[tuple[int, str | Fault]]:
    """Lines of UTF-8, decoded one by one, so that one in another encoding spoils no other."""
    number, limit = 0, LONGEST_LINE
    while raw := file.readline(limit + 1):
        number += 1
        if len(raw) > limit:
            yield _fault(reading, number, _too_long(path, number, limit))
            while raw and not raw.endswith(b"\n"):
                raw = file.readline(limit + 1)
            continue
        try:
            line = (raw if number > 1 else raw.removeprefix(codecs.BOM_UTF8)).decode("utf-8")
        except UnicodeDecodeError:
            error = _wrong_line(path, "utf-8", number, raw)
            yield _fault(reading, number, error, raw.decode("latin-1"))
            continue
        yield number, line.rstrip("\r\n")


def _wide_lines(file: TextIO, path: Path, reading: Reading) -> Iterator[tuple[int, str | Fault]]:
    number, limit = 0, LONGEST_LINE
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            yield _fault(reading, number, _too_long(path, number, limit))
            while line and not line.endswith("\n"):
                line = file.readline(limit + 1)
            continue
        yield number, line.rstrip("\r\n")


def bounded_lines(file: TextIO, path: Path) -> Iterator[str]:
    """The lines of an open text with their ends; raises DataError for one beyond 50 MB."""
    number, limit = 0, LONGEST_LINE
    while line := file.readline(limit + 1):
        number += 1
        if len(line) > limit:
            raise _too_long(path, number, limit)
        yield line


def _fault(reading: Reading, number: int, error: DataError, text: str = "") -> tuple[int, Fault]:
    line, fault = reading.bad(number, error, text)
    assert isinstance(fault, Fault)
    return line, fault


def _too_long(path: Path, number: int, limit: int) -> DataError:
    words = f"{limit // 1_000_000} MB"
    advice = f"Split the file so that no line is longer than {words}."
    return DataError(f"Line {number} of '{path.name}' is longer than {words}.", advice)


def suffix_of(path: Path) -> str:
    """The suffix that tells the kind of file, without that of its compression."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if len(suffixes) > 1 and suffixes[-1] in PACKED:
        return suffixes[-2]
    return suffixes[-1] if suffixes else ""


def digest(path: Path, during: Callable[[], None] | None = None) -> str:
    """The SHA-256 of the file's bytes, in hex; `during` is called after every few megabytes."""
    total = hashlib.sha256()
    with opened(path) as file:
        while part := file.read(4 << 20):
            total.update(part)
            if during is not None:
                during()
    return total.hexdigest()


def _encoding(file: BinaryIO) -> str:
    head = file.peek(4)[:4] if isinstance(file, io.BufferedReader) else b""
    return next((name for bom, name in _BOMS if head.startswith(bom)), "utf-8")


def _wrong_encoding(path: Path, encoding: str) -> DataError:
    """The sentence for text that is not what it should be: which line, and what it looks like."""
    with unpacked(path) as file:
        number, line = _first_bad_line(file)
    return _wrong_line(path, encoding, number, line)


def _wrong_line(path: Path, encoding: str, number: int, line: bytes) -> DataError:
    name = encoding.upper().replace("-SIG", "")
    where = f"Line {number} of '{path.name}'" if encoding.startswith("utf-8") else f"'{path.name}'"
    advice = "Save the file as UTF-8 and open it again."
    if not encoding.startswith("utf-8"):  # its mark said so: there is nothing to guess
        return DataError(f"{where} is not valid {name}, though it begins like it.", advice)
    guess = "UTF-16" if b"\0" in line else "Windows-1252 (Latin-1)"
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
