"""One way to ask the hub, and its refusals in words. The hub's client is imported only when it is needed."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.job.errors import HubError
from engine.library.hub_token import read_token, redact
from engine.library.models import is_hub_id
from engine.library.preferences import read_preferences

SECONDS = 15.0  # to connect, and between two pieces of an answer
DATASETS = "datasets/"
"""Stands before a dataset's id in addresses: the hub keeps datasets beside models."""
_OFFLINE = "HF_HUB_OFFLINE"
_NEXT_PAGE = re.compile(r'<([^>]+)>;\s*rel="next"')


class HubAwayError(HubError):
    """The hub cannot be reached or has a fault of its own: trying again may help."""


def endpoint() -> str:
    """The hub's address: `HF_ENDPOINT`, else huggingface.co."""
    return os.environ.get("HF_ENDPOINT", "https://huggingface.co").rstrip("/")


def offline_reason() -> str:
    """Why no call may be made at all, or ""."""
    if read_preferences().offline:
        return "Working offline is switched on in the settings."
    if os.environ.get(_OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE"):
        return f"The environment variable {_OFFLINE} forbids every call."
    return ""


def refuse_offline() -> None:
    """Raise HubError when no call may be made."""
    reason = offline_reason()
    if reason:
        raise HubError(reason, "What is on this computer can be used; switch it off to reach the hub.")


def check_id(repo: str) -> None:
    """Raise HubError when a text cannot be a hub id."""
    if not is_hub_id(repo):
        raise HubError(f"'{repo[:100]}' is not a Hugging Face id.", "Write it as org/name.")


def session() -> Any:  # Any: the client's own class, which the window's process must not import
    """The hub client's HTTP session, its telemetry and its search for updates switched off."""
    refuse_offline()
    for name in ("HF_HUB_DISABLE_TELEMETRY", "HF_HUB_DISABLE_UPDATE_CHECK"):
        os.environ.setdefault(name, "1")
    from huggingface_hub.utils import get_session

    return get_session()


def headers(token: str | None = None) -> dict[str, str]:
    """The headers of a call: with `token`, else with the saved one where there is one."""
    from huggingface_hub.utils import build_hf_headers

    return dict(build_hf_headers(token=token or read_token() or False, library_name="tunewright"))


def ask(
    path: str, parameters: Mapping[str, Any] | None = None, token: str | None = None, repo: str = ""
) -> Any:
    """The JSON answer to one GET below the endpoint; raises HubError. `repo` is for the words of a refusal."""
    return _asked(f"{endpoint()}{path}", parameters, token, repo)[0]


def ask_pages(path: str, parameters: Mapping[str, Any] | None, repo: str, most: int) -> list[Any]:
    """The items of an answer that comes in pages, of `most` pages at most; raises HubError beyond."""
    found: list[Any] = []
    address = f"{endpoint()}{path}"
    for _ in range(most):
        items, following = _asked(address, parameters, None, repo)
        found += items if isinstance(items, list) else []
        if not following.startswith(f"{endpoint()}/"):  # the token is shown to nobody else
            return found
        address, parameters = following, None
    title = f"'{repo.removeprefix(DATASETS)}' has more than {len(found):,} files."
    raise HubError(title, "Choose a dataset with fewer files.")


def _asked(
    address: str, parameters: Mapping[str, Any] | None, token: str | None, repo: str
) -> tuple[Any, str]:
    """The JSON answer of an address, and the address of its next page or ""."""
    client = session()
    with in_words(repo):
        from huggingface_hub.utils import hf_raise_for_status

        answer = client.get(address, params=parameters, headers=headers(token), timeout=SECONDS)
        hf_raise_for_status(answer)
        following = _NEXT_PAGE.search(answer.headers.get("Link", ""))
        try:
            return answer.json(), following[1] if following else ""
        except ValueError:
            advice = "A proxy or a sign-in page may stand between; open the hub in a browser."
            raise HubError(f"{endpoint()} did not answer as a hub does.", advice) from None


@contextmanager
def in_words(repo: str = "") -> Iterator[None]:
    """Turn whatever the client raises into a HubError that says what to do."""
    from huggingface_hub import errors

    page, repo = f"{endpoint()}/{repo}", repo.removeprefix(DATASETS)
    try:
        yield
    except errors.GatedRepoError as error:  # a kind of RepositoryNotFoundError: it goes first
        advice = f"Ask for access at {page}, then save your access token in the settings."
        raise HubError(f"'{repo}' asks you to accept its conditions first.", advice, _words(error)) from None
    except errors.RevisionNotFoundError as error:
        raise HubError(
            f"'{repo}' has no such version.", "Give a branch, tag or commit.", _words(error)
        ) from None
    except errors.RepositoryNotFoundError as error:
        advice = "Check the spelling; if it is private, save your access token in the settings."
        raise HubError(
            f"'{repo}' was not found on the hub, or it is private.", advice, _words(error)
        ) from None
    except errors.OfflineModeIsEnabled as error:
        raise HubError(
            f"The environment variable {_OFFLINE} forbids every call.", "Unset it.", _words(error)
        ) from None
    except errors.HfHubHTTPError as error:
        raise _status_error(error) from None
    except errors.HTTPError as error:  # no answer at all
        advice = "Check the connection; what is on this computer can be used."
        raise HubAwayError(f"No network: {endpoint()} could not be reached.", advice, _words(error)) from None


def _status_error(error: Any) -> HubError:  # Any: the client's error with its response
    status = error.response.status_code
    if status == 401:
        return HubError("The hub refused the access token.", "Save a new one in the settings.", _words(error))
    if status == 403:
        advice = "Use a token that may read it."
        return HubError("The access token may not read this.", advice, _words(error))
    if status == 429:
        return HubError("The hub was asked too often.", "Wait a few minutes.", _words(error))
    if status >= 500:
        return HubAwayError(f"The hub has a fault of its own ({status}).", "Try again later.", _words(error))
    return HubError(f"The hub refused the request ({status}).", "Check its page on the hub.", _words(error))


def _words(error: BaseException) -> str:
    return redact(f"{type(error).__name__}: {error}")
