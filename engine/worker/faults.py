"""Any exception in a person's words: what a worker tells when its task ends by one."""

import errno
import traceback

from engine.job.errors import EngineError, InputError
from engine.job.events import Failed
from engine.worker.log import redact

MEMORY_ADVICE = (
    "Set fewer rows at a time ([train] micro_batch), shorter rows ([rows] max_tokens) or a smaller model; "
    "close other programs."
)
_MEMORY_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "status_alloc_failed",  # CUDA's libraries
)
_DISK_WORDS = ("no space left on device", "disk quota exceeded")


def failed_by(error: BaseException) -> Failed:
    """The event for an exception, with its traceback as the detail and access tokens struck out."""
    title, advice = _words(error)
    trace = "".join(traceback.format_exception(error))
    own = f"{error.detail}\n" if isinstance(error, EngineError) and error.detail else ""
    return Failed(
        title=redact(title),
        advice=redact(advice),
        detail=redact(own + trace),
        input_error=isinstance(error, InputError),
        remedy=error.remedy if isinstance(error, EngineError) else "",
    )


def _words(error: BaseException) -> tuple[str, str]:
    if isinstance(error, EngineError):
        return error.title, error.advice
    text = str(error).strip()
    if isinstance(error, MemoryError) or any(words in text.lower() for words in _MEMORY_WORDS):
        return "Memory ran out.", MEMORY_ADVICE
    if _is_disk_full(error, text):
        return "The disk is full.", "Free some space, then resume: what was saved is intact."
    if isinstance(error, ImportError):
        advice = "Start 'python3 run.py setup' again, or reinstall Tunewright."
        return f"A part of the installation is missing: {_first_line(text)}", advice
    title = f"Something unexpected happened: {type(error).__name__}: {_first_line(text)}"
    return title.rstrip(": "), "Please report it with the log; resuming may help."


def _is_disk_full(error: BaseException, text: str) -> bool:
    full = (errno.ENOSPC, errno.EDQUOT)
    return (isinstance(error, OSError) and error.errno in full) or any(w in text.lower() for w in _DISK_WORDS)


def _first_line(text: str) -> str:
    """The first line, shortened: libraries like to add a page."""
    line = text.partition("\n")[0]
    return line if len(line) <= 200 else line[:199] + "…"
