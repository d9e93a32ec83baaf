"""One worker a folder: a lock that the system gives back when its owner ends, however it ends."""

import os
from pathlib import Path
from typing import IO

from engine.job.errors import FolderError

CLAIM_FILE = "worker.lock"


def claim(folder: Path) -> IO[bytes]:
    """Take the folder; the claim lasts until the returned file is closed or the process ends.

    Raises FolderError when another worker has it, or when the folder cannot be written.
    """
    try:
        file = (folder / CLAIM_FILE).open("ab")
    except OSError as error:
        advice = "Choose a writable folder with free space."
        raise FolderError(f"{folder} cannot be written: {error.strerror}.", advice) from None
    try:
        _lock(file)
    except OSError:
        file.close()
        advice = "Watch it, or wait until it has ended."
        raise FolderError(f"Another process works on {folder.name} already.", advice) from None
    return file


def _lock(file: IO[bytes]) -> None:
    if os.name == "nt":
        import msvcrt

        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    else:
        import fcntl

        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
