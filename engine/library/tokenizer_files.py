"""A tokenizer as files: whether they are there, whole, and fit the model; and the chat template's text."""

import functools
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from engine.job.errors import ModelError
from engine.library.weights import read_json

TOKENIZER = "tokenizer.json"
SETTINGS = "tokenizer_config.json"
TEMPLATE = "chat_template.jinja"
_AGAIN = "Download or copy the file again."


def read_template(folder: Path) -> str:
    """The chat template that comes with a model, or "" when there is none."""
    own = folder / TEMPLATE
    if own.is_file():
        return own.read_text(encoding="utf-8-sig", errors="replace")
    template = _settings(folder).get("chat_template")
    if isinstance(template, list):  # several named ones
        named = {item.get("name"): item.get("template") for item in template if isinstance(item, dict)}
        template = named.get("default")
    return template if isinstance(template, str) else ""


def check_tokenizer(folder: Path, rows: int) -> None:
    """Raise ModelError when the tokenizer is missing, damaged, or numbers tokens beyond the embedding's `rows`."""
    path = folder / TOKENIZER
    if not path.exists():
        return _require_older_files(folder)
    highest, added = _numbers(path, path.stat().st_mtime_ns, path.stat().st_size)
    used = " ".join([read_template(folder), *_named_tokens(folder)])
    # Some families carry added tokens that only their larger, seeing siblings have rows for: those are never used.
    needed = [(number, text) for text, number in added if text and text in used]
    beyond = max([(highest, ""), *needed])
    if rows and beyond[0] >= rows:
        token = f" ('{beyond[1]}')" if beyond[1] else ""
        raise ModelError(
            f"{path} has token number {beyond[0]:,}{token}, but the model knows only {rows:,} tokens.",
            "Use the tokenizer that belongs to this model.",
        )
    return None


def first_free(folder: Path) -> int:
    """The number after the last that a tokenizer gives; 0 when it has no tokenizer.json. Raises ModelError as above."""
    path = folder / TOKENIZER
    if not path.exists():
        return 0
    highest, added = _numbers(path, path.stat().st_mtime_ns, path.stat().st_size)
    return max(highest, *(number for _, number in added), -1) + 1


def control_texts(folder: Path) -> tuple[str, ...]:
    """What control tokens look like in text; nothing without a tokenizer.json. Raises ModelError as above."""
    path = folder / TOKENIZER
    added = read_json(path).get("added_tokens") or () if path.exists() else ()
    return tuple(token["content"] for token in added if token.get("special") and token.get("content"))


def added_since(folder: Path, base: Path) -> tuple[str, ...]:
    """The plain tokens, in order, that the tokenizer beside an adapter has more than that of its base."""
    ours, theirs = folder / TOKENIZER, base / TOKENIZER
    if not (ours.exists() and theirs.exists()):
        return ()
    known = {token["content"] for token in read_json(theirs)["added_tokens"]}
    fresh = [token for token in read_json(ours)["added_tokens"] if token["content"] not in known]
    fresh = [token for token in fresh if not token.get("special")]
    return tuple(str(token["content"]) for token in sorted(fresh, key=lambda token: int(token["id"])))


def _require_older_files(folder: Path) -> None:
    if (folder / "vocab.json").exists() and (folder / "merges.txt").exists():
        return
    if (folder / "tokenizer.model").exists():
        raise ModelError(
            f"{folder} has only tokenizer.model, an older form of the tokenizer; {TOKENIZER} is missing.",
            f"Get {TOKENIZER} from the model's page.",
        )
    advice = "Copy it from the model's page, or choose the folder that holds model and tokenizer."
    raise ModelError(f"The tokenizer is missing in {folder}: there is no {TOKENIZER}.", advice)


@functools.lru_cache(maxsize=64)
def _numbers(path: Path, changed: int, size: int) -> tuple[int, tuple[tuple[str, int], ...]]:
    """The highest number in the vocabulary, and the added tokens with theirs. Large files take 0.1 s: kept."""
    values = read_json(path)
    model = values.get("model")
    vocab = model.get("vocab") if isinstance(model, dict) else None
    added = values.get("added_tokens")
    if not isinstance(vocab, dict | list) or not isinstance(added, list) or not (vocab or added):
        raise ModelError(f"{path} is damaged: it holds no vocabulary.", _AGAIN)
    try:
        highest = max(map(int, vocab.values()), default=-1) if isinstance(vocab, dict) else len(vocab) - 1
        return highest, tuple((str(token["content"]), int(token["id"])) for token in added)
    except (KeyError, TypeError, ValueError):
        raise ModelError(f"{path} is damaged: its vocabulary is not readable.", _AGAIN) from None


def _named_tokens(folder: Path) -> Iterable[str]:
    """The tokens with a duty: end of text, padding and so on."""
    for name, value in _settings(folder).items():
        if name.endswith("_token"):
            text = value.get("content") if isinstance(value, dict) else value
            if isinstance(text, str):
                yield text


def _settings(folder: Path) -> dict[str, Any]:  # Any: JSON values
    path = folder / SETTINGS
    return read_json(path) if os.path.lexists(path) else {}
