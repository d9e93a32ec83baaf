"""The Hugging Face hub: search, plan and download. Every refusal is a sentence; offline means no call at all."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from engine.job.channel import Desk
from engine.job.errors import HubError
from engine.job.events import Downloaded, Phase
from engine.job.tasks import DownloadTask
from engine.library.download_desk import DownloadDesk
from engine.library.folders import hub_cache
from engine.library.hub_client import ask, check_id, offline_reason
from engine.library.hub_files import HubFile, Source, cached_bytes
from engine.library.hub_folder import BLOB, COMMIT, check_revision, check_space, fetch_files, write_reference
from engine.library.hub_token import delete_token, read_token, redact, save_token, token_file

__all__ = [
    "DownloadPlan",
    "HubFile",
    "HubModel",
    "check_token",
    "delete_token",
    "download",
    "download_task",
    "network_problem",
    "plan",
    "read_token",
    "redact",
    "save_token",
    "search",
    "token_file",
]

_WANTED = re.compile(
    r"(adapter_)?model(-\d+-of-\d+)?\.safetensors|tokenizer\.model|LICEN[CS]E.*|NOTICE.*|USE_POLICY.*|README\.md"
    r"|[\w.-]+\.(json|txt|jinja)",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class HubModel:
    """A model in a search's answer. `updated` is a date as the hub writes it; "" and 0 where it says nothing."""

    id: str
    downloads: int
    likes: int
    updated: str
    gated: bool
    licence: str


@dataclass(frozen=True)
class DownloadPlan:
    """What a download would fetch. `bytes_cached` is what is here already."""

    repo: str
    revision: str
    commit: str
    files: tuple[HubFile, ...]
    bytes: int
    bytes_cached: int


def search(query: str, limit: int = 20) -> list[HubModel]:
    """Text models with safetensors weights whose name holds `query`, the most downloaded first."""
    parameters = {
        "search": query.strip(),
        "limit": max(1, limit),
        "sort": "downloads",
        "filter": ["text-generation", "safetensors"],
        "expand": ["downloads", "likes", "lastModified", "gated", "tags"],
    }
    found = ask("/api/models", parameters)
    items = found if isinstance(found, list) else []
    return [_hub_model(item) for item in items if isinstance(item, dict) and item.get("id")][:limit]


def plan(repo: str, revision: str = "main") -> DownloadPlan:
    """The files of a model that would be fetched, with sizes; raises HubError when there is nothing to train."""
    check_id(repo)
    check_revision(revision)
    model = f"/api/models/{quote(repo)}"
    commit = str(ask(f"{model}/revision/{quote(revision, safe='')}", repo=repo).get("sha", ""))
    if not COMMIT.fullmatch(commit):
        raise HubError(f"The hub names no commit for '{repo}'.", "Try again later.")
    files = tuple(_wanted_files(ask(f"{model}/tree/{commit}", repo=repo)))
    if not any(file.name.endswith(".safetensors") for file in files):
        title = f"'{repo}' has no weights in safetensors format."
        raise HubError(title, "Look for the same model from another author.")
    source = _source(repo, commit)
    cached = sum(cached_bytes(source, file) for file in files)
    return DownloadPlan(repo, revision, commit, files, sum(file.bytes for file in files), cached)


def download(
    repo: str, revision: str, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> Path:
    """Fetch a model into the hub's cache and return its folder; `progress` gets bytes done and in all.

    A second call goes on where the first was cut off. Raises StoppedError when cancelled, HubError and
    ResourceError in words.
    """
    return fetch_plan(plan(repo, revision), progress, cancelled)


def fetch_plan(
    wanted: DownloadPlan, progress: Callable[[int, int], None], cancelled: Callable[[], bool]
) -> Path:
    """Fetch what was planned; see `download`."""
    source = _source(wanted.repo, wanted.commit)
    check_space(wanted.repo, wanted.bytes - wanted.bytes_cached, source.home)
    fetch_files(source, wanted.repo, wanted.files, progress, cancelled)
    write_reference(source.home, wanted.revision, wanted.commit)
    return source.snapshot


def download_task(task: DownloadTask, desk: Desk) -> None:
    """A download as a task: tells Progress and Downloaded, hears Cancel, Pause and Resume."""
    if task.kind == "dataset":
        from engine.library.hub_data import dataset_task

        dataset_task(task, desk)
        return
    desk.tell(Phase("plan", "Asking the hub"))
    wanted = plan(task.repo, task.revision)
    desk.tell(Phase("download", f"Downloading {task.repo}"))
    side = DownloadDesk(desk, f"Downloading {task.repo}")
    folder = fetch_plan(wanted, side.progress, side.is_cancelled)
    desk.tell(Downloaded(task.repo, task.revision, str(folder), wanted.bytes))


def check_token(token: str) -> str:
    """The name of the account that a token belongs to; raises HubError when the hub refuses it."""
    if not token.strip():
        raise HubError("There is no access token.", "Paste it from your account's page.")
    if not token.strip().isascii() or len(token.split()) > 1:
        raise HubError("This is not an access token.", "Copy it whole: it begins with hf_.")
    return str(ask("/api/whoami-v2", token=token.strip()).get("name", ""))


def network_problem() -> str:
    """Why the hub cannot be used now, or ""."""
    reason = offline_reason()
    if reason:
        return reason
    try:
        ask("/api/models", {"limit": 1})
    except HubError as error:
        return str(error)
    return ""


def _hub_model(item: dict[str, object]) -> HubModel:
    tags = item.get("tags")
    names = [str(tag) for tag in tags] if isinstance(tags, list) else []
    licence = next((tag.removeprefix("license:") for tag in names if tag.startswith("license:")), "")
    downloads, likes = (int(str(item.get(name) or 0)) for name in ("downloads", "likes"))
    updated = str(item.get("lastModified") or item.get("createdAt") or "")
    return HubModel(str(item["id"]), downloads, likes, updated, bool(item.get("gated")), licence)


def _wanted_files(tree: object) -> Iterator[HubFile]:
    """Weights, settings, tokenizer and licence at the top of the repository; never programs or pickles."""
    for item in tree if isinstance(tree, list) else []:
        name, large = str(item.get("path", "")), item.get("lfs") or {}
        blob = str(large.get("oid") or item.get("oid") or "")
        if (
            item.get("type") == "file"
            and _WANTED.fullmatch(name)
            and "/" not in name
            and BLOB.fullmatch(blob)
        ):
            yield HubFile(name, int(large.get("size") or item.get("size") or 0), blob)


def _source(repo: str, commit: str) -> Source:
    return Source(repo, commit, hub_cache() / f"models--{repo.replace('/', '--')}")
