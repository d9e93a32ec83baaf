"""The access token: kept where the hub's own tools keep it, readable by its owner alone, never shown or logged."""

import os
import re
from pathlib import Path

from engine.job.errors import FolderError
from engine.library.folders import hub_home

_TOKEN = re.compile(r"hf_[A-Za-z0-9]{4,}")


def read_token() -> str | None:
    """The token from `HF_TOKEN` or the file, or None."""
    text = os.environ.get("HF_TOKEN") or _stored()
    return text.strip() or None


def save_token(token: str) -> None:
    """Keep a token for its owner's eyes alone (mode 0600); raises FolderError."""
    path = token_file()
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.unlink(missing_ok=True)
        handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(token.strip())
        part.replace(path)
    except OSError as error:
        raise FolderError(f"{path} cannot be written: {error.strerror}.", "Check the folder.") from None


def delete_token() -> None:
    """Forget the token in the file; raises FolderError."""
    try:
        token_file().unlink(missing_ok=True)
    except OSError as error:
        raise FolderError(
            f"{token_file()} cannot be removed: {error.strerror}.", "Check the folder."
        ) from None


def token_file() -> Path:
    """Where the token is kept."""
    chosen = os.environ.get("HF_TOKEN_PATH")
    return Path(chosen).expanduser() if chosen else hub_home() / "token"


def redact(text: str) -> str:
    """A text without tokens, for logs and reports: the saved one and whatever looks like one."""
    token = read_token()
    if token:
        text = text.replace(token, "[token]")
    return _TOKEN.sub("[token]", text)


def _stored() -> str:
    try:
        return token_file().read_text(encoding="utf-8")
    except (OSError, ValueError):
        return ""
