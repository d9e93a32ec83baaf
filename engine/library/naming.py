"""Folder names that are safe on every system and not taken yet."""

import re
import unicodedata
from pathlib import Path

from engine.job.errors import FolderError

_SLUG_LENGTH = 60


def slug(name: str) -> str:
    """A name as part of a folder's name that is safe on every system: "Polite replies!" is "polite-replies"."""
    plain = unicodedata.normalize("NFC", name).lower()
    words = re.findall(r"[^\W_]+", plain)
    text = ""
    for word in words:
        longer = f"{text}-{word}" if text else word
        if len(longer.encode()) > _SLUG_LENGTH:
            break
        text = longer
    if not text and words:
        text = words[0].encode()[:_SLUG_LENGTH].decode(errors="ignore")
    return text or "run"


def fresh_folder(parent: Path, name: str) -> Path:
    """Make and return `parent/name`, or "name (2)" and so on; safe when several processes do it at once."""
    try:
        parent.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            folder = parent / (name if number == 1 else f"{name} ({number})")
            try:
                folder.mkdir()
                return folder
            except FileExistsError:
                number += 1
    except OSError as error:
        advice = "Choose a writable folder in the settings or with --runs."
        raise FolderError(f"{parent} is not writable: {error.strerror}.", advice) from None


def move_to_free(source: Path, target: Path) -> Path:
    """Rename a folder to `target`, or to "name (2)" and so on where that is taken, and return its new place."""
    number = 1
    free = target
    while free.exists():
        number += 1
        free = target.with_name(f"{target.name} ({number})")
    free.parent.mkdir(parents=True, exist_ok=True)
    return source.rename(free)
