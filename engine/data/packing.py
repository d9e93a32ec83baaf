"""Compressed files: unpacked as they are read, and refused where they would never end."""

import gzip
import io
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from engine.job.errors import DataError

PACKED = (".gz", ".zst")
SMALL_ENOUGH = 256_000_000  # up to here any ratio is believed
BELIEVED_RATIO = 200  # text is packed to a tenth; what shrinks more than this holds nothing to learn
_HIGHEST_RATIO = 1040  # what gzip's method can reach at all


def refuse_bomb(file: BinaryIO, path: Path, packing: str) -> None:
    """Raise DataError when a gzip file claims to unpack to more than text can; leaves `file` at its start."""
    packed = file.seek(0, io.SEEK_END)
    claimed = 0
    if packing == ".gz" and packed >= 4:
        file.seek(packed - 4)
        claimed = int.from_bytes(file.read(4), "little")
    file.seek(0)
    if (
        _most(packed) < claimed <= packed * _HIGHEST_RATIO
    ):  # beyond it the file is damaged, which reading tells
        raise _bomb(path, packed, f"claims to hold {_megabytes(claimed)}")


def claimed_by_zip(path: Path) -> int:
    """How many bytes a zip archive says it holds; 0 when it cannot be told."""
    try:
        with zipfile.ZipFile(path) as archive:
            return sum(part.file_size for part in archive.infolist())
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return 0


@contextmanager
def unpacking(file: BinaryIO, path: Path, packing: str) -> Iterator[BinaryIO]:
    """The unpacked bytes; raises DataError for damage, and as soon as they are more than text can be."""
    packed = path.stat().st_size
    try:
        if packing == ".gz":
            with gzip.open(file) as plain:
                yield io.BufferedReader(_Capped(plain, path, packed))
            return
        import pyarrow

        with pyarrow.CompressedInputStream(file, "zstd") as plain:
            yield io.BufferedReader(_Capped(plain, path, packed))
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise _damaged(path, error) from None


class _Capped(io.RawIOBase):
    """Counts what is unpacked and stops where no text would go on."""

    def __init__(self, source: Any, path: Path, packed: int) -> None:
        # Any: gzip's and pyarrow's files share no type
        self._source, self._path, self._packed = source, path, packed
        self._unpacked = 0

    def readable(self) -> bool:
        """It can be read."""
        return True

    def readinto(self, buffer: "bytearray | memoryview") -> int:  # type: ignore[override]
        """Fill `buffer`; raises DataError beyond the believable."""
        try:
            data = self._source.read(len(buffer))
        except OSError as error:  # pyarrow's word for damage
            raise _damaged(self._path, error) from None
        self._unpacked += len(data)
        if self._unpacked > _most(self._packed):
            raise _bomb(self._path, self._packed, f"unpacks to more than {_megabytes(self._unpacked)}")
        buffer[: len(data)] = data
        return len(data)


def _most(packed: int) -> int:
    return max(SMALL_ENOUGH, packed * BELIEVED_RATIO)


def _bomb(path: Path, packed: int, words: str) -> DataError:
    title = f"'{path.name}' has {_megabytes(packed)} and {words}, which no text of examples does."
    return DataError(title, "Unpack it yourself and choose the unpacked file if it is right.")


def _damaged(path: Path, error: Exception) -> DataError:
    reason = " ".join(str(error).split()).rstrip(".")
    advice = "Copy or download it again."
    return DataError(f"'{path.name}' is damaged and cannot be unpacked: {reason}.", advice)


def _megabytes(count: int) -> str:
    return f"{count / 1e6:,.1f} MB" if count >= 100_000 else f"{count:,} bytes"
