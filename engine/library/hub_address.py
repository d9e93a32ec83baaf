"""What a person pastes to name a dataset: its id, or the address of its page, whole."""

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from engine.job.errors import HubError
from engine.job.job import is_dataset_id
from engine.library.hub_client import DATASETS, endpoint

_HOSTS = ("huggingface.co", "www.huggingface.co", "hf.co")
_COPY = re.compile(r"refs/(convert/\w+|pr/\d+)")


@dataclass(frozen=True)
class DatasetAddress:
    """A dataset with what its address says of version, subset and split; None where it says nothing."""

    repo: str
    revision: str | None = None
    subset: str | None = None
    split: str | None = None


def read_address(text: str) -> DatasetAddress:
    """`org/name`, `datasets/org/name`, or an address such as https://huggingface.co/datasets/org/name/viewer/a/train.

    Raises HubError in words for anything else.
    """
    text = text.strip().strip("<>\"'")
    path = _path(text) if "://" in text or text.lower().startswith(_HOSTS) else text
    parts = [unquote(part) for part in path.strip("/").split("/")]
    if parts[0] == DATASETS.rstrip("/") and len(parts) > 2:
        parts = parts[1:]
    elif path is not text:
        raise HubError(
            "This is not the address of a dataset.",
            "It has /datasets/ in it: copy it from the dataset's page.",
        )
    repo, rest = "/".join(parts[:2]), parts[2:]
    if not is_dataset_id(repo) or (rest and path is text):
        raise HubError(
            f"'{text[:100]}' is not the name of a dataset.",
            "Write it as org/name, or paste its page's address.",
        )
    if rest[:1] == ["viewer"]:
        subset, split = (*rest[1:3], "", "")[:2]
        return DatasetAddress(repo, None, subset or None, split or None)
    if rest[:1] in (["tree"], ["blob"], ["resolve"]) and len(rest) > 1:
        return DatasetAddress(repo, _revision(rest[1:]))
    return DatasetAddress(repo)


def _path(address: str) -> str:
    """The path of an address of the hub; raises HubError for one of another site."""
    ours = urlsplit(endpoint()).netloc.lower()
    try:
        found = urlsplit(address if "://" in address else f"https://{address}")
    except ValueError:  # "https://[x"
        found = urlsplit("")
    if found.netloc.lower() not in (*_HOSTS, ours):
        title = f"'{address[:100]}' is not an address of {ours}."
        raise HubError(title, "Paste the address of a dataset's page there.")
    return found.path


def _revision(parts: list[str]) -> str:
    """A branch, tag or commit; the hub's own copies have names of several parts."""
    copy = _COPY.match("/".join(parts))
    return copy[0] if copy else parts[0]
