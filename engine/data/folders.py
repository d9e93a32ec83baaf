"""Which files a data source means: a file itself, or those of one split in a folder."""

import re
from pathlib import Path

from engine.data.readers import READERS, is_readable
from engine.job.errors import DataError
from engine.job.job import is_dataset_id
from engine.job.sections import DataSource
from engine.library.hub_data import locate_dataset

_SPLIT = re.compile(r"(?:^|[^a-z])(train|test|validation|valid|val|dev|eval)(?:$|[^a-z])")
_SAME = {"valid": "validation", "val": "validation", "dev": "validation", "eval": "test"}


def files_of(source: DataSource) -> list[Path]:
    """The files to read for a source, in order of name. A folder without a chosen split gives its "train".

    Raises DataError when nothing is there, or not that split.
    """
    path, split = Path(source.path).expanduser(), source.split
    if is_dataset_id(source.path) and not path.exists():
        path = locate_dataset(source.path, source.subset, source.revision)
    if not path.is_dir():
        return [path]
    files = [file for file in sorted(path.rglob("*")) if _is_data(file, path)]
    if not files:
        advice = f"Files that can be read: {', '.join(READERS)}."
        raise DataError(f"There is no data file in the folder {path}.", advice)
    by_split: dict[str | None, list[Path]] = {}
    for file in files:
        by_split.setdefault(split_of(file, path), []).append(file)
    return _chosen(by_split, split, path)


def split_of(file: Path, folder: Path) -> str | None:
    """The split that a file's name, or a folder between it and `folder`, speaks of."""
    for part in reversed(file.relative_to(folder).parts):
        found = _SPLIT.search(part.lower())
        if found:
            return _SAME.get(found[1], found[1])
    return None


def _is_data(file: Path, folder: Path) -> bool:
    is_hidden = any(part.startswith((".", "_")) for part in file.relative_to(folder).parts)
    is_about = file.stem.lower() in ("readme", "license", "dataset_info", "dataset_infos", "state")
    return file.is_file() and is_readable(file) and not is_hidden and not is_about


def _chosen(by_split: dict[str | None, list[Path]], split: str | None, path: Path) -> list[Path]:
    named = sorted(name for name in by_split if name is not None)
    wanted = _SAME.get(split, split) if split else "train"
    if wanted in by_split:
        return by_split[wanted]
    if split is None and not named:
        return by_split[None]
    found = ", ".join(named) or "no splits"
    title = f"The folder {path} has no '{split or 'train'}' split; it has {found}."
    raise DataError(title, "Choose one of its splits, or one of its files.")
