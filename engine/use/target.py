"""Where an export goes: a folder that does not exist yet, filled under another name, complete or absent."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from engine.job.errors import FolderError, JobError, ResourceError

_RESERVE = 64 * 2**20  # bytes left free, so that an export does not fill the disk to the brim


def check_target(text: str, bytes_needed: int = 0) -> Path:
    """The absolute target; raises when it is unnamed, taken, unwritable or its disk too full."""
    if not text.strip():
        raise JobError("The export names no folder.", "Give the folder to write, for example --out my-model.")
    target = Path(text).expanduser().absolute()
    if target.exists() and not _is_empty_folder(target):
        raise FolderError(f"{target} exists already.", f"Choose another name, such as '{free_name(target)}'.")
    parent = next(folder for folder in target.parents if folder.exists())
    if not parent.is_dir():
        raise FolderError(f"{parent} is a file, not a folder.", "Choose a folder to export into.")
    free = shutil.disk_usage(parent).free
    if free < bytes_needed + _RESERVE:
        title = (
            f"The export needs {megabytes(bytes_needed + _RESERVE)}; {megabytes(free)} are free in {parent}."
        )
        raise ResourceError(title, "Free some space or choose a folder on another disk.")
    return target


def free_name(target: Path) -> str:
    """The first of "name (2)", "name (3)"... that nothing is called."""
    number = 2
    while target.with_name(f"{target.name} ({number})").exists():
        number += 1
    return f"{target.name} ({number})"


@contextmanager
def filled(target: Path) -> Iterator[Path]:
    """A folder `target.part` to write into. It becomes `target` when all went well, else it is removed.

    Raises FolderError when the disk is full or the place cannot be written.
    """
    part = target.with_name(target.name + ".part")
    shutil.rmtree(part, ignore_errors=True)  # an export that was killed left it
    try:
        part.mkdir(parents=True)
        yield part
        if _is_empty_folder(target):
            target.rmdir()
        if target.exists():
            raise FolderError(f"{target} was made by something else meanwhile.", "Choose another name.")
        part.rename(target)
    except (OSError, SafetensorError) as error:  # a full disk reaches us as either
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        advice = "Choose a writable folder with free space."
        raise FolderError(f"{target} cannot be written: {reason}.", advice) from None
    finally:
        shutil.rmtree(part, ignore_errors=True)


def folder_size(folder: Path) -> tuple[int, int]:
    """Bytes and number of the files in a folder."""
    sizes = [path.stat().st_size for path in folder.rglob("*") if path.is_file()]
    return sum(sizes), len(sizes)


def _is_empty_folder(path: Path) -> bool:
    return path.is_dir() and not any(path.iterdir())


def megabytes(count: int) -> str:
    """Bytes in words: "3.8 MB", "14 GB"."""
    for unit, size in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if count >= size:
            value = count / size
            return f"{value:.1f} {unit}" if value < 10 else f"{value:.0f} {unit}"
    return f"{count} bytes"
