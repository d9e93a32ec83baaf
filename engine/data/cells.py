"""Messages and lists in cells that hold nothing but text, as in CSV: written as JSON, or as Python shows them."""

import ast
import json
import re
from collections.abc import Mapping

ROLE_NAMES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "human": "user",
    "instruction": "user",
    "prompter": "user",
    "question": "user",
    "assistant": "assistant",
    "gpt": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "chatbot": "assistant",
    "chatgpt": "assistant",
    "claude": "assistant",
    "ai": "assistant",
    "bard": "assistant",
    "answer": "assistant",
    "response": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function": "tool",
    "function_response": "tool",
    "tool_response": "tool",
    "ipython": "tool",
}
_OPENS = re.compile(r"\s*(?:\{|\[\s*[{\]])")
_AS_PYTHON = re.compile(r"\s*(?:\[\s*)?\{\s*'")
_BETWEEN = re.compile(
    r"""('(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|\}\s+\{""", re.DOTALL
)  # pandas writes lists of objects without their commas


def opened_messages(text: str, is_sure: bool) -> object:
    """The list of messages (or the one message) that a cell holds, or the text itself when it holds none.

    An answer may well be a list of objects; unless it `is_sure` that messages are meant, their roles must be known.
    """
    if not _OPENS.match(text):
        return text
    value = _as_python(text) if _AS_PYTHON.match(text) else _as_json(text)
    items = value if isinstance(value, list) else [value]
    if not items:
        return value if is_sure else text
    is_messages = all(isinstance(item, Mapping) and _is_message(item, is_sure) for item in items)
    return value if is_messages else text


def opened_list(text: str) -> object:
    """The list that a cell holds, nothing for an empty cell, or the text itself when it is something else."""
    if not text.strip():
        return None
    value = _as_json(text)
    if value is text:
        value = _as_python(text)
    return value if value is None or isinstance(value, list) else text


def _is_message(item: Mapping[str, object], is_sure: bool) -> bool:
    if is_sure:
        return "role" in item or "from" in item
    has_content = any(field in item for field in ("content", "value", "text"))
    return has_content and str(item.get("role") or item.get("from")).lower() in ROLE_NAMES


def _as_json(text: str) -> object:
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return text
    return value


def _as_python(text: str) -> object:
    whole = _BETWEEN.sub(lambda found: found[1] or "}, {", text)
    try:
        value: object = ast.literal_eval(whole.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return text
    return value
