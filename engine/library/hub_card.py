"""What a dataset's card declares: the files of its subsets and splits, and how many rows they hold.

The card is its author's: whatever has another form than is usual is passed over, never an error.
"""

from collections.abc import Iterator, Mapping

from engine.library.dataset_parts import TRAIN, Declared


def declared_in(card: object) -> tuple[Declared, ...]:
    """The splits that `configs` of a card declares, with their patterns."""
    return tuple(
        declared for config in _tables(card, "configs") for declared in _splits(config, _name(config))
    )


def rows_in(card: object) -> dict[tuple[str, str], int]:
    """Rows by (subset, split), as `dataset_info` of a card tells."""
    return {
        (_name(info), str(split.get("name", ""))): rows
        for info in _tables(card, "dataset_info")
        for split in _tables(info, "splits")
        if isinstance(rows := split.get("num_examples"), int) and rows > 0
    }


def _splits(config: Mapping[str, object], subset: str) -> Iterator[Declared]:
    """`data_files` is one pattern, a list of them, a list of {split, path}, or patterns by split."""
    files = config.get("data_files")
    folder = str(config.get("data_dir") or "").strip("./")
    if isinstance(files, Mapping):
        files = [{"split": split, "path": path} for split, path in files.items()]
    items = files if isinstance(files, list) else [files]
    plain = tuple(item for item in items if isinstance(item, str))
    if plain:
        yield Declared(subset, TRAIN, _below(folder, plain))
    for item in items:
        if isinstance(item, Mapping) and isinstance(item.get("split"), str):
            paths = item.get("path")
            patterns = tuple(p for p in (paths if isinstance(paths, list) else [paths]) if isinstance(p, str))
            yield Declared(subset, item["split"], _below(folder, patterns))


def _below(folder: str, patterns: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(f"{folder}/{pattern}" if folder else pattern for pattern in patterns)


def _name(table: Mapping[str, object]) -> str:
    return str(table.get("config_name") or "default")


def _tables(card: object, name: str) -> list[Mapping[str, object]]:
    """The tables below a name, where one may also stand alone."""
    found = card.get(name) if isinstance(card, Mapping) else None
    items = found if isinstance(found, list) else [found]
    return [item for item in items if isinstance(item, Mapping)]
