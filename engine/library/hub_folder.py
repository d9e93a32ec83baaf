"""Writing into the hub's cache: room for it, one writer at a time, and which commit a version's name means."""

import contextlib
import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from engine.job.errors import HubError, ResourceError
from engine.library.arithmetic import memory_words
from engine.library.folders import hub_cache
from engine.library.hub_files import HubFile, Source, fetch, show, writable

COMMIT = re.compile(r"[0-9a-f]{40}")
BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._/-]*")
_SPARE_BYTES = 200_000_000


def check_revision(revision: str) -> None:
    """Raise HubError when a text cannot be the name of a version."""
    if not _REVISION.fullmatch(revision) or ".." in revision:
        raise HubError(f"'{revision[:100]}' is not a version.", "Give a branch, tag or commit.")


def fetch_files(
    source: Source,
    repo: str,
    files: Sequence[HubFile],
    progress: Callable[[int, int], None],
    cancelled: Callable[[], bool],
) -> None:
    """Bring files into the cache, small ones first, and show them under their names when all are there.

    `progress` gets bytes done and in all. Raises StoppedError when cancelled, HubError and ResourceError in words.
    """
    done, total = 0, sum(file.bytes for file in files)
    with _locked(source, repo):
        for file in sorted(files, key=lambda file: file.bytes):
            fetch(source, file, _within(done, total, progress), cancelled)
            done += file.bytes
        for file in files:
            show(source, file)
    progress(total, total)


def check_space(repo: str, needed: int, home: Path) -> None:
    """Raise ResourceError when so many bytes more do not fit on the cache's disk."""
    existing = next((folder for folder in (home, *home.parents) if folder.exists()), home)
    free = shutil.disk_usage(existing).free
    if needed + _SPARE_BYTES > free:
        title = f"'{repo}' needs {memory_words(needed)} more, but only {memory_words(free)} are free at {existing}."
        raise ResourceError(title, "Make room, or set HF_HOME to another disk.")


def write_reference(home: Path, version: str, commit: str) -> None:
    """Note which commit a branch or tag stood for when it was fetched."""
    if version != commit:
        write_text(home / "refs" / version, commit)


def read_reference(home: Path, version: str) -> str | None:
    """The commit that a version stands for here, where its files are shown; None when it is not here."""
    commit = version if COMMIT.fullmatch(version) else ""
    with contextlib.suppress(OSError, ValueError):
        commit = commit or (home / "refs" / version).read_text("utf-8").strip()
    return commit if commit and (home / "snapshots" / commit).is_dir() else None


def write_text(path: Path, text: str) -> None:
    """Write a small file of the cache, complete or not at all; raises FolderError or ResourceError."""
    part = path.with_name(path.name + ".part")
    with writable(hub_cache()):
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)


def _within(before: int, total: int, progress: Callable[[int, int], None]) -> Callable[[int], None]:
    """One file's progress as that of the whole download."""
    return lambda here: progress(before + here, total)


@contextmanager
def _locked(source: Source, repo: str) -> Iterator[None]:
    """One download of a repository at a time: two would write into the same part file."""
    from huggingface_hub.utils import WeakFileLock

    path = hub_cache() / ".locks" / source.home.name / "tunewright.lock"
    with ExitStack() as stack:
        with writable(hub_cache()):
            path.parent.mkdir(parents=True, exist_ok=True)
            try:
                stack.enter_context(WeakFileLock(path, timeout=0.2))
            except TimeoutError:
                advice = "Wait for it, or cancel that download."
                raise HubError(f"'{repo}' is being downloaded already.", advice) from None
        yield
