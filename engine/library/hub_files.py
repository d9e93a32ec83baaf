"""One file of the hub into the local cache: goes on where it was cut off, and is checked byte by byte.

The client itself starts from the beginning after a kill and compares sizes only, so this is ours: a part file
with a fixed name, a Range request, the hash that the hub names, and the cache's usual layout in the end.
"""

import contextlib
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from engine.job.errors import FolderError, HubError, ResourceError, StoppedError
from engine.library.arithmetic import memory_words
from engine.library.hub_client import DATASETS, SECONDS, HubAwayError, endpoint, headers, in_words, session

_PIECE = 1 << 18
_TRIES = 5


@dataclass(frozen=True)
class HubFile:
    """A file of a model or dataset. `blob` is its name in the cache: its SHA-256, or git's SHA-1 of a small one."""

    name: str
    bytes: int
    blob: str

    @property
    def is_large(self) -> bool:
        """Whether it is kept outside git (its hash is a SHA-256)."""
        return len(self.blob) == 64


@dataclass(frozen=True)
class Source:
    """Where files come from and go to. `repo`: the id, after "datasets/" that of a dataset. `home`: its folder here."""

    repo: str
    commit: str
    home: Path

    @property
    def snapshot(self) -> Path:
        """The folder that shows this version's files under their own names."""
        return self.home / "snapshots" / self.commit


def cached_bytes(source: Source, file: HubFile) -> int:
    """How much of a file is there already, whole or in part."""
    for path in (blob_path(source, file), part_path(source, file)):
        with contextlib.suppress(OSError):
            return min(path.stat().st_size, file.bytes)
    return 0


def blob_path(source: Source, file: HubFile) -> Path:
    """Where a complete file lies."""
    return source.home / "blobs" / file.blob


def part_path(source: Source, file: HubFile) -> Path:
    """Where an unfinished file lies."""
    return source.home / "blobs" / f"{file.blob}.part"


def fetch(
    source: Source, file: HubFile, arrived: Callable[[int], None], cancelled: Callable[[], bool]
) -> None:
    """Bring a file into the cache; `arrived` is told how many of its bytes are there.

    Raises StoppedError when cancelled (what is there stays), HubError when it cannot be had.
    """
    if blob_path(source, file).exists():
        arrived(file.bytes)
        return
    with writable(source.home):
        part_path(source, file).parent.mkdir(parents=True, exist_ok=True)
        for attempt in range(2):
            _complete(source, file, arrived, cancelled)
            if _hash(part_path(source, file), file, cancelled) == file.blob:
                part_path(source, file).replace(blob_path(source, file))
                return
            part_path(source, file).unlink()
            if attempt:
                break
    title = (
        f"{file.name} of '{source.repo.removeprefix(DATASETS)}' arrived damaged twice: its checksum is wrong."
    )
    raise HubError(title, "Try again later, or from another network.")


def show(source: Source, file: HubFile) -> None:
    """Put the complete file under its own name into the snapshot: a link, or a copy where links are not had."""
    with writable(source.home):
        target = source.snapshot / file.name
        target.parent.mkdir(parents=True, exist_ok=True)
        if os.path.lexists(target):
            target.unlink()
        try:
            target.symlink_to(os.path.relpath(blob_path(source, file), target.parent))
        except OSError:  # Windows without developer mode, some network drives
            shutil.copyfile(blob_path(source, file), target)


def _complete(
    source: Source, file: HubFile, arrived: Callable[[int], None], cancelled: Callable[[], bool]
) -> None:
    """Append to the part file until it has its size; a cut connection is taken up again where it was."""
    failures, before = 0, -1
    while True:
        try:
            return _append(source, file, arrived, cancelled)
        except HubAwayError:
            size = _size(part_path(source, file))
            failures = failures + 1 if size <= before else 1
            before = size
            if failures >= _TRIES:
                raise
            _wait(0.5 * 2**failures, cancelled)


def _append(
    source: Source, file: HubFile, arrived: Callable[[int], None], cancelled: Callable[[], bool]
) -> None:
    part = part_path(source, file)
    start = _size(part)
    if start > file.bytes:
        part.unlink()
        start = 0
    arrived(start)
    if start == file.bytes:
        part.touch()  # an empty file has no bytes to ask for
        return
    wanted = headers() | {"Accept-Encoding": "identity"} | ({"Range": f"bytes={start}-"} if start else {})
    address = f"{endpoint()}/{source.repo}/resolve/{source.commit}/{quote(file.name)}"
    client = session()
    with in_words(source.repo), client.stream("GET", address, headers=wanted, timeout=SECONDS) as answer:
        start = start if _goes_on(answer, start) else 0
        with part.open("ab" if start else "wb") as out:
            for piece in answer.iter_bytes(_PIECE):
                _stop_when(cancelled)
                out.write(piece[: file.bytes - start])
                start = min(start + len(piece), file.bytes)
                arrived(start)
    if start < file.bytes:
        raise HubAwayError(
            f"No network: the connection broke off at {file.name}.", "Start the download again."
        )


def _goes_on(answer: Any, start: int) -> bool:  # Any: the client's response
    """Whether the answer begins at `start`; raises the client's errors for a refusal."""
    from huggingface_hub.utils import hf_raise_for_status

    if answer.status_code == 206:
        return bool(answer.headers.get("Content-Range", "").startswith(f"bytes {start}-"))
    if answer.is_error:
        answer.read()
    hf_raise_for_status(answer)
    return False


def _hash(path: Path, file: HubFile, cancelled: Callable[[], bool]) -> str:
    digest = hashlib.sha256() if file.is_large else hashlib.sha1(usedforsecurity=False)
    if not file.is_large:
        digest.update(f"blob {file.bytes}\0".encode())  # as git names its objects
    with path.open("rb") as content:
        while piece := content.read(1 << 22):
            _stop_when(cancelled)
            digest.update(piece)
    return digest.hexdigest()


@contextlib.contextmanager
def writable(folder: Path) -> Iterator[None]:
    """Turn a full disk or an unwritable cache into a sentence."""
    try:
        yield
    except OSError as error:
        if error.errno == 28:  # no space left
            free = memory_words(shutil.disk_usage(folder).free)
            title = f"The disk is full: {free} are free at {folder}."
            raise ResourceError(title, "Make room and start again: what is there is kept.") from None
        advice = "Check that the folder is writable, or set HF_HOME to another."
        raise FolderError(f"{folder} cannot be written: {error.strerror}.", advice) from None


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0


def _wait(seconds: float, cancelled: Callable[[], bool]) -> None:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        _stop_when(cancelled)
        time.sleep(0.1)


def _stop_when(cancelled: Callable[[], bool]) -> None:
    if cancelled():
        advice = "What has arrived is kept: starting it again goes on from there."
        raise StoppedError("The download was stopped.", advice)
