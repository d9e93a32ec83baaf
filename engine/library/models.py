"""The models on this computer: found in folders and in the hub's cache, and located by what a job names."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from engine.job.channel import RECORD_FILE
from engine.job.errors import ModelError
from engine.job.sections import STARTER
from engine.library.architectures import SUPPORTED
from engine.library.folders import hub_cache, starter_folder
from engine.library.model_folder import ADAPTER_CONFIG, CONFIG, ModelInfo, check_model, describe

__all__ = [
    "SUPPORTED",
    "ModelInfo",
    "check_model",
    "describe",
    "find_models",
    "find_plain",
    "is_hub_id",
    "locate_model",
    "missing_model",
]

_DEPTH = 3
_MOST_FOLDERS = 3000
_PART = r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?"
_HUB_ID = re.compile(rf"{_PART}(?:/{_PART})?")


def find_models(folders: Iterable[Path]) -> list[ModelInfo]:
    """Everything in these folders that is or was meant to be a model, by name; each place once."""
    found: dict[Path, ModelInfo] = {}
    for folder in folders:
        for place in _places(folder.expanduser()):
            found.setdefault(place.resolve(), describe(place))
    return sorted(found.values(), key=lambda info: (info.name.casefold(), str(info.folder)))


def locate_model(source: str, revision: str | None = None) -> Path:
    """The folder that a job's `model.source` means; of a run, the base that it was made of.

    Raises ModelError saying how to get what is not here.
    """
    found = find_plain(source, revision)
    if found is not None:
        return found
    from engine.library.lineage import lineage, named_run  # which need this module in turn

    if named_run(source) is not None:
        return lineage(source).folder
    raise missing_model(source, revision)


def find_plain(source: str, revision: str | None = None) -> Path | None:
    """The folder of 'starter', of a path that is not a run, or of a downloaded hub model; None when there is none."""
    if source == STARTER:
        return starter_folder()
    text = source.strip()
    if not text or "\0" in text:
        raise ModelError("No model was named.", "Give 'starter', a folder, a run, or a Hugging Face id.")
    path = Path(text).expanduser()
    if path.exists():
        return None if (path / RECORD_FILE).is_file() else path.absolute()
    return _snapshot(text, revision or "main") if is_hub_id(text) else None


def missing_model(source: str, revision: str | None = None) -> ModelError:
    """The error for a name that means no model on this computer."""
    text = source.strip()
    if not is_hub_id(text):
        return ModelError(f"The model folder {Path(text).expanduser()} does not exist.", "Check the path.")
    version = f" in version '{revision}'" if revision else ""
    return ModelError(
        f"The model '{text}' is not on this computer{version}.",
        f"Download it first: 'models download {text}', or the Hugging Face tab of the Model page.",
    )


def is_hub_id(text: str) -> bool:
    """Whether a text has the form of a hub id: "org/name" or "name", without "..", "--" or spaces."""
    has_traps = ".." in text or "--" in text or len(text) > 96
    return not has_traps and _HUB_ID.fullmatch(text) is not None


def _places(folder: Path, depth: int = _DEPTH) -> Iterator[Path]:
    """Model-like folders and GGUF files at or below a folder; the hub's cache is entered by its snapshots."""
    budget = [_MOST_FOLDERS]
    yield from _walk(folder, depth, budget)


def _walk(folder: Path, depth: int, budget: list[int]) -> Iterator[Path]:
    if budget[0] <= 0:
        return
    budget[0] -= 1
    if folder.name.startswith("models--"):
        snapshot = _newest_snapshot(folder)
        if snapshot is not None:
            yield snapshot
        return
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError:  # gone, or not ours to read
        return
    names = {entry.name for entry in entries if entry.is_file()}
    yield from (Path(entry.path) for entry in entries if _is_gguf(entry))
    if _looks_like_model(names):
        yield folder
    elif depth > 0:
        for entry in entries:
            if entry.is_dir() and not entry.name.startswith("."):
                yield from _walk(Path(entry.path), depth - 1, budget)


def _is_gguf(entry: "os.DirEntry[str]") -> bool:
    return entry.name.lower().endswith(".gguf") and entry.is_file()


def _looks_like_model(names: set[str]) -> bool:
    weights = any(name.endswith((".safetensors", ".safetensors.index.json")) for name in names)
    return weights or ADAPTER_CONFIG in names or (CONFIG in names and "tokenizer.json" in names)


def _snapshot(repo: str, revision: str) -> Path | None:
    """The cached snapshot of a branch, tag or commit (also shortened to seven digits or more)."""
    home = hub_cache() / f"models--{repo.replace('/', '--')}"
    reference = home / "refs" / revision
    if ".." not in Path(revision).parts and reference.is_file():
        commit = reference.read_text(encoding="utf-8").strip()
    elif re.fullmatch(r"[0-9a-f]{7,40}", revision):
        commit = revision
    else:
        return None
    found = sorted((home / "snapshots").glob(f"{commit}*")) if commit else []
    return found[0] if found and (found[0] / CONFIG).exists() else None


def _newest_snapshot(home: Path) -> Path | None:
    found = [path for path in (home / "snapshots").glob("*/") if (path / CONFIG).exists()]
    return max(found, key=lambda path: path.stat().st_mtime, default=None)
