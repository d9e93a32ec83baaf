"""Datasets of the hub: what parts they have, and their files of rows in the local cache.

Only files of rows are ever fetched: a program of a dataset's author is neither fetched nor run. Reading uses what is
in the cache and never calls the hub (`files_here`); calls are made when a person asks to look or to download.
"""

import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from engine.job.channel import Desk
from engine.job.datasets import DatasetPart
from engine.job.errors import DataError, EngineError, HubError
from engine.job.events import DatasetFound, Downloaded, Phase
from engine.job.tasks import DownloadTask
from engine.library.dataset_parts import Declared, Part, chosen, parts_of
from engine.library.download_desk import DownloadDesk
from engine.library.folders import hub_cache
from engine.library.hub_card import declared_in, rows_in
from engine.library.hub_client import DATASETS, HubAwayError, ask, ask_pages, check_id, offline_reason
from engine.library.hub_files import HubFile, Source, cached_bytes
from engine.library.hub_folder import (
    BLOB,
    COMMIT,
    check_revision,
    check_space,
    fetch_files,
    read_reference,
    write_reference,
    write_text,
)

CONVERTED = "refs/convert/parquet"
"""The version in which the hub keeps its own Parquet copy of many datasets."""
_ROWS = re.compile(r".+\.(jsonl|ndjson|json|csv|tsv|parquet|arrow)(\.gz|\.zst)?", re.IGNORECASE)
_ABOUT = re.compile(r"(^|/)(dataset_infos?|state|config|README|package)\.[^/]*$", re.IGNORECASE)
_MOST_PAGES = 50


@dataclass(frozen=True)
class Dataset:
    """One version of a hub dataset. `files` by name; `rows`: how many rows its card tells for (subset, split).

    `note` says why what is here is shown, and not what the hub has now.
    """

    repo: str
    revision: str
    commit: str
    files: dict[str, HubFile]
    parts: tuple[Part, ...]
    rows: dict[tuple[str, str], int] = field(default_factory=dict)
    note: str = ""

    @property
    def source(self) -> Source:
        """Where its files come from and go to."""
        return Source(f"{DATASETS}{self.repo}", self.commit, _home(self.repo))

    def wanted(self, subset: str | None, split: str | None) -> list[HubFile]:
        """The files of the chosen parts; raises DataError naming the parts there are."""
        found = chosen(self.parts, subset, split, f"The dataset '{self.repo}'")
        return [self.files[name] for part in found for name in part.files]

    def missing(self, files: Sequence[HubFile]) -> int:
        """How many bytes of these files are still to be fetched."""
        return sum(file.bytes - cached_bytes(self.source, file) for file in files)

    def told(self) -> DatasetFound:
        """What a person chooses from."""
        return DatasetFound(
            self.repo, self.revision, self.commit, tuple(self._told(part) for part in self.parts), self.note
        )

    def _told(self, part: Part) -> DatasetPart:
        files = [self.files[name] for name in part.files]
        total = sum(file.bytes for file in files)
        rows = self.rows.get((part.subset, part.split))
        return DatasetPart(part.subset, part.split, len(files), total, total - self.missing(files), rows)


def look(repo: str, revision: str = "main") -> Dataset:
    """A dataset's parts and sizes, nothing fetched. Where the hub is out of reach: what is in the cache.

    Raises HubError or DataError in words, also for a dataset that is nothing but a program.
    """
    check_id(repo)
    check_revision(revision)
    try:
        return _looked(repo, revision)
    except HubError as error:
        here = dataset_here(repo, revision)
        if here is None or not (offline_reason() or isinstance(error, HubAwayError)):
            raise
        note = f"{error.title} This is what is on this computer."
        return Dataset(here.repo, revision, here.commit, here.files, here.parts, here.rows, note)


def fetch_dataset(
    dataset: Dataset,
    subset: str | None,
    split: str | None,
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> Path:
    """Fetch the chosen parts into the cache and return the dataset's folder there; a cut-off try is taken up.

    `progress` gets bytes done and in all. Raises StoppedError when cancelled, else EngineErrors in words.
    """
    files, source = dataset.wanted(subset, split), dataset.source
    check_space(dataset.repo, dataset.missing(files), source.home)
    fetch_files(source, dataset.repo, files, progress, cancelled)
    write_text(_layout_file(source), json.dumps(_layout(dataset)))
    write_reference(source.home, dataset.revision, dataset.commit)
    return source.snapshot


def dataset_task(task: DownloadTask, desk: Desk) -> None:
    """Looking at a dataset, or its download, as a task: tells DatasetFound or Progress and Downloaded.

    `Downloaded.revision` is the commit, so that a job means the same rows for ever.
    """
    desk.tell(Phase("plan", "Asking the hub"))
    found = look(task.repo, task.revision)
    if task.only_look:
        desk.tell(found.told())
        return
    desk.tell(Phase("download", f"Downloading {task.repo}"))
    side = DownloadDesk(desk, f"Downloading {task.repo}")
    folder = fetch_dataset(found, task.subset, task.split, side.progress, side.is_cancelled)
    size = sum(file.bytes for file in found.wanted(task.subset, task.split))
    desk.tell(Downloaded(task.repo, found.commit, str(folder), size))


def files_here(
    repo: str, subset: str | None = None, split: str | None = None, revision: str | None = None
) -> list[Path]:
    """The files of rows in the cache, without any call; raises HubError when they are not all here."""
    check_id(repo)
    here = dataset_here(repo, revision or "main")
    if here is None:
        raise _not_here(repo)
    files = here.wanted(subset, split)
    places = [here.source.snapshot / file.name for file in files]
    if not all(place.exists() for place in places):
        raise _not_here(repo)
    return places


def is_here(
    repo: str, subset: str | None = None, split: str | None = None, revision: str | None = None
) -> bool:
    """Whether a source's rows are in the cache."""
    try:
        return bool(files_here(repo, subset, split, revision))
    except EngineError:
        return False


def dataset_here(repo: str, revision: str) -> Dataset | None:
    """A version as the cache knows it; None when nothing of it is here. Its parts need not all be here."""
    commit = read_reference(_home(repo), revision)
    if commit is None:
        return None
    source = Source(f"{DATASETS}{repo}", commit, _home(repo))
    layout = _layout_file(source)
    try:
        files, parts, rows = _read_layout(layout, layout.stat().st_mtime_ns)
    except (OSError, ValueError, KeyError, TypeError):  # fetched by another program: the names must tell
        files = {file.name: file for file in _shown(source)}
        parts, rows = parts_of(files), {}
    return Dataset(repo, revision, commit, files, parts, rows)


def _looked(repo: str, revision: str) -> Dataset:
    address, name = f"/api/datasets/{quote(repo)}", f"{DATASETS}{repo}"
    told = ask(f"{address}/revision/{quote(revision, safe='')}", repo=name)
    told = told if isinstance(told, dict) else {}
    commit = str(told.get("sha", ""))
    if not COMMIT.fullmatch(commit):
        raise HubError(f"The hub names no commit for '{repo}'.", "Try again later.")
    tree = ask_pages(f"{address}/tree/{commit}", {"recursive": "true"}, name, _MOST_PAGES)
    files = {file.name: file for file in _row_files(tree)}
    if not files:
        raise _without_rows(repo, revision, tree)
    card = told.get("cardData")
    declared: tuple[Declared, ...] = declared_in(card)
    return Dataset(repo, revision, commit, files, parts_of(files, declared), rows_in(card))


def _row_files(tree: Sequence[object]) -> Iterator[HubFile]:
    for item in tree:
        if not isinstance(item, dict) or item.get("type") != "file":
            continue
        name, large = str(item.get("path", "")), item.get("lfs") or {}
        blob = str(large.get("oid") or item.get("oid") or "")
        if _is_rows(name) and BLOB.fullmatch(blob):
            yield HubFile(name, int(large.get("size") or item.get("size") or 0), blob)


def _is_rows(name: str) -> bool:
    """Whether a path is a file of rows that may lie in the snapshot: none that leads outside or is hidden."""
    parts = name.split("/")
    is_safe = "\\" not in name and all(part and not part.startswith(".") for part in parts)
    return bool(is_safe and _ROWS.fullmatch(name) and not _ABOUT.search(name))


def _without_rows(repo: str, revision: str, tree: Sequence[object]) -> DataError:
    programs = any(isinstance(item, dict) and str(item.get("path", "")).endswith(".py") for item in tree)
    made = ": a program of its author makes the rows, and such programs are never run" if programs else ""
    title = f"The dataset '{repo}' has no file of rows (Parquet, JSON or CSV){made}."
    if revision == CONVERTED:
        return DataError(title, "Choose another dataset.")
    return DataError(title, f"Try the hub's own Parquet copy: its version is {CONVERTED}.")


def _not_here(repo: str) -> HubError:
    title = f"The dataset '{repo}' is not on this computer, or not all of what was chosen."
    return HubError(title, f"Download it on the Data page, or with 'inspect {repo}'.")


def _layout(dataset: Dataset) -> dict[str, object]:
    return {
        "files": [[file.name, file.bytes, file.blob] for file in dataset.files.values()],
        "parts": [[part.subset, part.split, part.files] for part in dataset.parts],
        "rows": [[subset, split, count] for (subset, split), count in dataset.rows.items()],
    }


@lru_cache(maxsize=16)
def _read_layout(
    path: Path, _changed: int
) -> tuple[dict[str, HubFile], tuple[Part, ...], dict[tuple[str, str], int]]:
    """Files, parts and rows as they were noted; read once, as the window asks with every edit."""
    layout = json.loads(path.read_text("utf-8"))
    files = {name: HubFile(name, size, blob) for name, size, blob in layout["files"]}
    parts = tuple(Part(subset, split, tuple(names)) for subset, split, names in layout["parts"])
    return files, parts, {(subset, split): count for subset, split, count in layout["rows"]}


def _layout_file(source: Source) -> Path:
    """Beside the snapshot, where the hub's own tools do not look: what its parts are, for reading without a call."""
    return source.home / "tunewright" / f"{source.commit}.json"


def _shown(source: Source) -> Iterator[HubFile]:
    for path in sorted(source.snapshot.rglob("*")):
        name = path.relative_to(source.snapshot).as_posix()
        if path.is_file() and _is_rows(name):
            yield HubFile(name, path.stat().st_size, path.resolve().name)


def _home(repo: str) -> Path:
    return hub_cache() / f"datasets--{repo.replace('/', '--')}"
