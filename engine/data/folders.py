"""Which files a data source means: a file itself, or those of one split in a folder or hub dataset."""

from pathlib import Path

from engine.data.readers import READERS, is_readable
from engine.job.errors import DataError
from engine.job.job import is_dataset_id
from engine.job.sections import DataSource
from engine.library.dataset_parts import Part, chosen, parts_of
from engine.library.hub_data import files_here


def files_of(source: DataSource) -> list[Path]:
    """The files to read for a source, in order of name. Without a chosen split those of "train".

    Nothing is fetched: a hub dataset is read from the cache. Raises DataError when nothing is there, or not that
    split; HubError when a dataset is not on this computer.
    """
    path = Path(source.path).expanduser()
    if names_dataset(source):
        return files_here(source.path, source.subset, source.split, source.revision)
    if not path.is_dir():
        return [path]
    found = chosen(parts_in(path), source.subset, source.split, f"The folder {path}")
    return [path / name for name in sorted(name for part in found for name in part.files)]


def names_dataset(source: DataSource) -> bool:
    """Whether a source is a dataset of the hub and no file or folder here."""
    return is_dataset_id(source.path) and not Path(source.path).expanduser().exists()


def parts_in(folder: Path) -> tuple[Part, ...]:
    """The subsets and splits of a folder's data files; raises DataError when it has none."""
    files = [path.relative_to(folder) for path in folder.rglob("*") if path.is_file() and is_readable(path)]
    names = [file.as_posix() for file in files if _is_data(file)]
    if not names:
        advice = f"Files that can be read: {', '.join(READERS)}."
        raise DataError(f"There is no data file in the folder {folder}.", advice)
    return parts_of(names)


def _is_data(file: Path) -> bool:
    is_hidden = any(part.startswith((".", "_")) for part in file.parts)
    is_about = file.stem.lower() in ("readme", "license", "dataset_info", "dataset_infos", "state")
    return not is_hidden and not is_about
