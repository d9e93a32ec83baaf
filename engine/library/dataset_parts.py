"""The parts of a dataset: which files belong to which subset and split, as declared or as their names tell.

Names alone: nothing is opened here, so that a dataset on the hub and a folder on the disk are told alike.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from engine.job.errors import DataError

TRAIN = "train"
_SPLIT = re.compile(r"(?:^|[^a-z])(train|test|validation|valid|val|dev|eval)(?:$|[^a-z])")
_SAME = {"valid": "validation", "val": "validation", "dev": "validation", "eval": "test"}
_SHARD = re.compile(r"(\w+)-\d{4,5}-of-\d{4,5}")
_CONVERTED = re.compile(r"([^/]+)/([^/]+)/\d{4}\.parquet")  # the hub's own Parquet copy
_LISTED = 20


@dataclass(frozen=True)
class Part:
    """The files of one split of one subset, in order of name; "" where names speak of none."""

    subset: str
    split: str
    files: tuple[str, ...]


@dataclass(frozen=True)
class Declared:
    """What a dataset's card says: the files of a split are those that one of the patterns fits ("data/train-*")."""

    subset: str
    split: str
    patterns: tuple[str, ...]


def parts_of(names: Iterable[str], declared: Sequence[Declared] = ()) -> tuple[Part, ...]:
    """The parts of a dataset with these files (paths with "/"), as its card declares them, else by their names."""
    ordered = sorted(names)
    parts = [
        Part(d.subset, d.split, tuple(name for name in ordered if _fits(name, d.patterns))) for d in declared
    ]
    if any(part.files for part in parts):
        return tuple(part for part in parts if part.files)
    found: dict[tuple[str, str], list[str]] = {}
    for name in ordered:
        found.setdefault(_place(name), []).append(name)
    return tuple(Part(subset, split, tuple(files)) for (subset, split), files in found.items())


def split_of(name: str) -> str:
    """The split that a file's path speaks of, "" for none."""
    return _place(name)[1]


def chosen(parts: Sequence[Part], subset: str | None, split: str | None, where: str) -> tuple[Part, ...]:
    """The parts that a source means. Without a chosen split that is "train", without splits everything.

    `where` begins the sentence of a refusal ("The folder /x"). Raises DataError naming what there is.
    """
    within = _in_subset(parts, subset, where)
    splits = list(dict.fromkeys(part.split for part in within))
    wanted = _wanted(splits, split)
    found = tuple(part for part in within if part.split == wanted)
    if found:
        return found
    named = sorted(name for name in splits if name)
    title = f"{where} has no '{split or TRAIN}' split; it has {_words(named) or 'no splits'}."
    raise DataError(title, "Choose one of its splits, or one of its files.")


def _in_subset(parts: Sequence[Part], subset: str | None, where: str) -> Sequence[Part]:
    names = sorted({part.subset for part in parts})
    if subset is not None:
        found = [part for part in parts if part.subset == subset] or _by_name(parts, subset)
        if not found:
            has = f"the subsets {_words(map(repr, names))}" if any(names) else "no subsets"
            raise DataError(f"{where} has no subset '{subset}'; it has {has}.", "Choose one of them.")
        return found
    if len(names) < 2 or not any(part.split for part in parts):
        return parts
    usual = next((name for name in ("default", "") if name in names), None)
    if usual is None:
        title = f"{where} has the subsets {_words(map(repr, names))}."
        raise DataError(title, 'Say which one to take: subset = "...".')
    return [part for part in parts if part.subset == usual]


def _by_name(parts: Sequence[Part], subset: str) -> list[Part]:
    """Parts below a folder of that name; else of the files whose names begin with it."""
    below = [part for part in parts if subset in part.subset.split("/")]
    if below or not subset:
        return below
    starts = re.compile(rf"{re.escape(subset)}(?![A-Za-z0-9])")
    named = [(p, tuple(f for f in p.files if starts.match(PurePosixPath(f).name))) for p in parts]
    return [Part(subset, part.split, files) for part, files in named if files]


def _wanted(splits: Sequence[str], split: str | None) -> str:
    """The split that a source means; files of which no name speaks of a split are taken for "train"."""
    if split in splits:
        return str(split)
    if split and (split != TRAIN or "" not in splits):
        return _SAME.get(split, split)
    trained = [name for name in splits if name.startswith(TRAIN)]
    if TRAIN not in trained and len(trained) == 1:
        return trained[0]
    return "" if not trained and "" in splits else TRAIN


def _place(name: str) -> tuple[str, str]:
    """Subset and split of a file: the subset is the folders that speak of no split."""
    converted = _CONVERTED.fullmatch(name)
    if converted:
        return converted[1], _SAME.get(converted[2], converted[2])
    path = PurePosixPath(name)
    folders = [folder for folder in path.parts[:-1] if folder.lower() != "data" and not _keyword(folder)]
    spoken = (_shard(path.name), *(_keyword(part) for part in reversed(path.parts)))
    return "/".join(folders), next((split for split in spoken if split), "")


def _shard(name: str) -> str:
    """The split of "train_sft-00000-of-00004.parquet" is train_sft: what stands before the count is its whole name."""
    found = _SHARD.match(name)
    split = found[1].lower() if found else ""
    return _SAME.get(split, split) if _keyword(split) else ""


def _keyword(text: str) -> str:
    found = _SPLIT.search(text.lower())
    return _SAME.get(found[1], found[1]) if found else ""


def _fits(name: str, patterns: Iterable[str]) -> bool:
    return any(re.fullmatch(_pattern(pattern), name) for pattern in patterns)


def _pattern(pattern: str) -> str:
    """A regular expression for a path pattern: `*` and `?` stay within a folder, `**` does not."""
    said = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    pieces = re.split(r"(\*\*/|\*\*|\*|\?)", pattern.removeprefix("./"))
    return "".join(said.get(piece, re.escape(piece)) for piece in pieces)


def _words(names: Iterable[str]) -> str:
    listed = list(names)
    more = f" and {len(listed) - _LISTED} more" if len(listed) > _LISTED else ""
    return ", ".join(listed[:_LISTED]) + more
