"""A worker's output: everything that it or a library of its prints goes to the task's `engine.log`.

The redirection is done at the level of the system's file handles, so that C libraries are caught too. What
Python writes passes a filter that strikes out access tokens.
"""

import logging
import os
import re
import sys
import tempfile
from io import TextIOWrapper
from pathlib import Path
from typing import IO

from engine.job.channel import LOG_FILE
from engine.job.errors import FolderError

_SECRETS = re.compile(r"hf_[A-Za-z0-9]{6,}|(?i:(?<=bearer )[A-Za-z0-9._~+/=-]{6,})")
_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def redact(text: str) -> str:
    """The text with every access token struck out."""
    return _SECRETS.sub("[token]", text)


class RedactingText(TextIOWrapper):
    """A text stream that lets no access token through."""

    def write(self, text: str, /) -> int:
        """Write the text without its secrets."""
        super().write(redact(text))
        return len(text)


def hold_output() -> IO[bytes]:
    """Send all output to a nameless file until `log_to` is called: a warm worker has no folder yet."""
    held = tempfile.TemporaryFile()  # noqa: SIM115 - it stays open until the worker has its folder
    _point_output_at(held.fileno())
    return held


def log_to(folder: Path, held: IO[bytes] | None = None) -> None:
    """Send all output of this process to the folder's log, what was `held` first.

    Raises FolderError when the log cannot be written.
    """
    try:
        handle = os.open(folder / LOG_FILE, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    except OSError as error:
        advice = "Choose a folder that exists and is writable."
        raise FolderError(f"{folder / LOG_FILE} cannot be written: {error.strerror}.", advice) from None
    if held is not None:
        sys.stderr.flush()
        held.seek(0)
        os.write(handle, held.read())
        held.close()
    _point_output_at(handle)
    os.close(handle)


def _point_output_at(handle: int) -> None:
    """Standard output and error become `handle`; a terminal is let go of."""
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # None in a windowed app on Windows
            stream.flush()
    for number in (1, 2):
        os.dup2(handle, number)
    sys.stdout = _text(1)
    sys.stderr = _text(2)
    logging.basicConfig(level=logging.INFO, format=_FORMAT, stream=sys.stderr, force=True)
    logging.captureWarnings(True)


def _text(number: int) -> RedactingText:
    raw = open(number, "wb", buffering=0, closefd=False)  # noqa: SIM115 - a handle, open for good
    return RedactingText(raw, encoding="utf-8", errors="backslashreplace", write_through=True)
