"""The sources of a draft's data: whether they are here, and which of their parts can be chosen."""

import dataclasses
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.data.folders import names_dataset, parts_in
from engine.job.errors import DataError
from engine.job.sections import DataSource
from engine.library.dataset_parts import Part, chosen
from engine.library.hub_data import dataset_here, is_here
from gui.state.background import in_background

ALL = ""
"""The choice of no part: what a source means by itself."""


def is_present(source: DataSource) -> bool:
    """Whether a source can be read: a file or folder that exists, or a hub dataset that is on this computer."""
    if names_dataset(source):
        return is_here(source.path, source.subset, source.split, source.revision)
    return Path(source.path).expanduser().exists()


def missing_dataset(sources: Sequence[DataSource]) -> DataSource | None:
    """The first hub dataset that is not on this computer, or not the part of it that is wanted."""
    return next((source for source in sources if names_dataset(source) and not is_present(source)), None)


def in_place_of_missing(sources: Sequence[DataSource], arrived: DataSource) -> tuple[DataSource, ...] | None:
    """The sources with `arrived` where the same dataset was missing, its weight and columns kept; None where it was not."""
    old = missing_dataset([source for source in sources if source.path == arrived.path])
    if old is None:
        return None
    part = {"subset": arrived.subset, "split": arrived.split, "revision": arrived.revision}
    kept = dataclasses.replace(old, **part)  # type: ignore[arg-type]  # fields of the same class
    return tuple(kept if source is old else source for source in sources)


def joined(old: Sequence[DataSource], new: Sequence[DataSource]) -> tuple[DataSource, ...]:
    """Both lists; a source that is there already does not come twice."""
    known = {_identity(source) for source in old}
    return (*old, *(source for source in new if _identity(source) not in known))


class SourceParts(QObject):
    """The parts of folders and hub datasets, looked for in the background; `changed` when some were found."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._parts: dict[tuple[str, str | None], tuple[Part, ...]] = {}

    def of(self, source: DataSource) -> tuple[Part, ...]:
        """The parts that one can choose among: empty for a file, and until they are known."""
        key = (source.path, source.revision)
        if key not in self._parts:
            self._parts[key] = ()
            in_background(self, lambda: (key, _look(source)), self._take, lambda _title, _advice: None)
        return self._parts[key]

    def forget(self) -> None:
        """Look again: folders may have changed, more may have been downloaded."""
        self._parts.clear()

    def _take(self, found: object) -> None:
        assert isinstance(found, tuple)
        key, parts = found
        if self._parts.get(key) != parts:
            self._parts[key] = parts
            self.changed.emit()


def part_choices(source: DataSource, parts: Sequence[Part], words: tuple[str, str]) -> list[tuple[str, str]]:
    """(value, label) of the parts that can be chosen; empty where there is nothing to choose.

    `words`: what the choice of no part is called where that reads all of them, and where one must still choose.
    """
    if len(parts) < 2:
        return []
    several = len({part.subset for part in parts}) > 1
    options = [(_value(part), _label(part, several)) for part in parts]
    if len(_means(dataclasses.replace(source, subset=None, split=None), parts)) > 1:
        return [(ALL, words[0]), *options]
    return options if _means(source, parts) else [(ALL, words[1]), *options]


def part_value(source: DataSource, parts: Sequence[Part]) -> str:
    """The value of the part that a source means, `ALL` for several or none."""
    found = _means(source, parts)
    return _value(found[0]) if len(found) == 1 else ALL


def with_part(source: DataSource, parts: Sequence[Part], value: str) -> DataSource:
    """The source with another of its parts."""
    part = next((part for part in parts if _value(part) == value), None)
    if part is None:
        return dataclasses.replace(source, subset=None, split=None)
    several = len({other.subset for other in parts}) > 1
    return dataclasses.replace(source, subset=part.subset if several else None, split=part.split or None)


def _means(source: DataSource, parts: Sequence[Part]) -> tuple[Part, ...]:
    try:
        return chosen(parts, source.subset, source.split, "")
    except DataError:
        return ()


def _look(source: DataSource) -> tuple[Part, ...]:
    """A folder's parts, or those of a hub dataset that are here."""
    path = Path(source.path).expanduser()
    if path.is_dir():
        return parts_in(path)
    here = dataset_here(source.path, source.revision or "main") if names_dataset(source) else None
    if here is None:
        return ()
    is_usable = partial(is_here, source.path, revision=source.revision)
    return tuple(part for part in here.parts if is_usable(subset=part.subset, split=part.split))


def _value(part: Part) -> str:
    return f"{part.subset}\n{part.split}"


def _label(part: Part, several: bool) -> str:
    named = [part.subset] if several and part.subset else []
    return " · ".join([*named, part.split or ", ".join(Path(name).name for name in part.files[:1])])


def _identity(source: DataSource) -> tuple[str, str | None, str | None, str | None]:
    return source.path, source.subset, source.split, source.revision
