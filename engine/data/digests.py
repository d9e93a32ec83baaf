"""The hashes of large files, remembered as long as size and time of change stay: hashing takes seconds."""

import contextlib
import json
import os
from collections.abc import Callable
from pathlib import Path

from engine.data.files import digest
from engine.library.folders import cache_folder

_REMEMBERED = 200


def known_digest(path: Path, during: Callable[[], None] | None = None) -> str:
    """The SHA-256 of a file's bytes in hex, computed again only after the file has changed.

    `during` is called now and then while it is computed.
    """
    facts = path.stat()
    stamp = [facts.st_size, facts.st_mtime_ns]
    known = _read()
    name = str(path.resolve())
    if name in known and known[name][:2] == stamp:
        return str(known[name][2])
    found = digest(path, during)
    known.pop(name, None)
    _write(dict([*known.items(), (name, [*stamp, found])][-_REMEMBERED:]))
    return found


def _file() -> Path:
    return cache_folder() / "data-hashes.json"


def _read() -> dict[str, list[object]]:
    try:
        found = json.loads(_file().read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    items = found.items() if isinstance(found, dict) else ()
    return {name: value for name, value in items if isinstance(value, list) and len(value) == 3}


def _write(known: dict[str, list[object]]) -> None:
    part = _file().with_name(f"data-hashes.{os.getpid()}.part")
    with contextlib.suppress(OSError):  # a cache: it is computed again next time
        part.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(known), "utf-8")
        part.replace(_file())
