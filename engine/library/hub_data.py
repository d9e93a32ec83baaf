"""Datasets of the hub: their files of rows in the local cache. Programs of a dataset's author are never fetched."""

import contextlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

from engine.job.errors import DataError, HubError, ResourceError
from engine.library.arithmetic import memory_words
from engine.library.folders import hub_cache
from engine.library.hub_client import ask, check_id, offline_reason
from engine.library.hub_files import HubFile, Source, blob_path, fetch

_ROWS = re.compile(r".+\.(jsonl|ndjson|json|csv|tsv|parquet|arrow)(\.gz|\.zst)?", re.IGNORECASE)
_ABOUT = re.compile(r"(^|/)(dataset_infos?|state|config|README|package)\.[^/]*$", re.IGNORECASE)
_COMMIT = re.compile(r"[0-9a-f]{40}")
_SPARE_BYTES = 200_000_000


def locate_dataset(
    repo: str,
    subset: str | None = None,
    revision: str | None = None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Path:
    """The folder with the rows of a hub dataset, or of one `subset`; fetched first where it is not here.

    A named commit or an offline computer is served from the cache alone. Raises HubError, DataError or
    ResourceError in words.
    """
    check_id(repo)
    version = revision or "main"
    home = hub_cache() / f"datasets--{repo.replace('/', '--')}"
    commit = _cached_commit(home, version)
    if offline_reason() and commit is None:
        title = f"The dataset '{repo}' is not on this computer, and no call to the hub is allowed."
        raise HubError(title, f"{offline_reason()} Go online once, or choose a file.")
    if offline_reason() or (commit == version):
        return _subset(home / "snapshots" / str(commit), repo, subset)
    try:
        commit = str(
            ask(f"/api/datasets/{quote(repo)}/revision/{quote(version, safe='')}", repo=repo).get("sha", "")
        )
    except HubError:
        if commit is None:
            raise
        return _subset(home / "snapshots" / commit, repo, subset)  # what is here is better than nothing
    if not _COMMIT.fullmatch(commit):
        raise HubError(f"The hub names no commit for '{repo}'.", "Try again later.")
    _fetch_all(repo, commit, version, home, subset, cancelled)
    return _subset(home / "snapshots" / commit, repo, subset)


def _fetch_all(
    repo: str, commit: str, version: str, home: Path, subset: str | None, cancelled: Callable[[], bool]
) -> None:
    tree = ask(f"/api/datasets/{quote(repo)}/tree/{commit}", {"recursive": "true"}, repo=repo)
    files = list(_wanted(tree, subset))
    if not files:
        what = f" of the subset '{subset}'" if subset else ""
        title = f"The dataset '{repo}' has no file of rows{what} (Parquet, JSON or CSV)."
        raise DataError(title, "Datasets that need a program of their author cannot be used.")
    # The hub keeps datasets below an address of their own.
    source = Source(f"datasets/{repo}", commit, home)
    missing = sum(file.bytes for file in files if not blob_path(source, file).exists())
    hub_cache().mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(hub_cache()).free
    if missing + _SPARE_BYTES > free:
        title = f"'{repo}' needs {memory_words(missing)} more, but only {memory_words(free)} are free."
        raise ResourceError(title, "Make room, or set HF_HOME to another disk.")
    for file in files:
        fetch(source, file, lambda _bytes: None, cancelled)
        _show(source, file)
    reference = home / "refs" / version
    reference.parent.mkdir(parents=True, exist_ok=True)
    reference.write_text(commit, "utf-8")


def _wanted(tree: object, subset: str | None) -> Iterator[HubFile]:
    for item in tree if isinstance(tree, list) else []:
        name, large = str(item.get("path", "")), item.get("lfs") or {}
        parts = Path(name).parts
        is_safe = name and not name.startswith("/") and ".." not in parts and "\\" not in name
        is_rows = (
            _ROWS.fullmatch(name) and not _ABOUT.search(name) and not any(p.startswith(".") for p in parts)
        )
        if (
            item.get("type") == "file"
            and is_safe
            and is_rows
            and (subset is None or _in_subset(parts, subset))
        ):
            blob = str(large.get("oid") or item.get("oid") or "")
            if re.fullmatch(r"[0-9a-f]{40}|[0-9a-f]{64}", blob):
                yield HubFile(name, int(large.get("size") or item.get("size") or 0), blob)


def _in_subset(parts: tuple[str, ...], subset: str) -> bool:
    """A subset is a folder of its name, or the beginning of a file's name."""
    return subset in parts[:-1] or re.match(rf"{re.escape(subset)}(?![A-Za-z0-9])", parts[-1]) is not None


def _subset(snapshot: Path, repo: str, subset: str | None) -> Path:
    """The folder of a subset, or all of the snapshot."""
    if subset is not None:
        found = next((path for path in sorted(snapshot.rglob(subset)) if path.is_dir()), None)
        if found is not None:
            return found
        return snapshot
    folders = sorted({path.parent.name for path in snapshot.glob("*/*") if path.is_file()} - {"data"})
    if len(folders) > 1:
        names = ", ".join(f"'{name}'" for name in folders)
        raise DataError(
            f"The dataset '{repo}' has the subsets {names}.", 'Say which one to take: subset = "...".'
        )
    return snapshot


def _show(source: Source, file: HubFile) -> None:
    target = source.snapshot / file.name
    target.parent.mkdir(parents=True, exist_ok=True)
    if os.path.lexists(target):
        target.unlink()
    try:
        target.symlink_to(os.path.relpath(blob_path(source, file), target.parent))
    except OSError:  # Windows without developer mode, some network drives
        shutil.copyfile(blob_path(source, file), target)


def _cached_commit(home: Path, version: str) -> str | None:
    """The commit that a version stands for here; None when it is not here."""
    commit = version if _COMMIT.fullmatch(version) else ""
    with contextlib.suppress(OSError):
        commit = commit or (home / "refs" / version).read_text("utf-8").strip()
    return commit if commit and (home / "snapshots" / commit).is_dir() else None
