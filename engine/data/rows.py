"""What a row is once its file and its column names no longer matter. Nothing here reads files."""

import hashlib
from dataclasses import dataclass

from engine.job.cards import RowKind

__all__ = [
    "Conversation",
    "Feedback",
    "Message",
    "Preference",
    "Row",
    "RowKind",
    "Text",
    "content_key",
    "kind_of",
    "prompt_key",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role`: "system", "user", "assistant" or "tool"."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Conversation:
    """A dialogue with at least one answer. `number` counts rows from 1 over all files of a job."""

    number: int
    messages: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Preference:
    """A prompt with a better and a worse continuation."""

    number: int
    prompt: tuple[Message, ...]
    chosen: tuple[Message, ...]
    rejected: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Feedback:
    """A prompt with one answer and whether it is a good one."""

    number: int
    prompt: tuple[Message, ...]
    completion: tuple[Message, ...]
    label: bool


@dataclass(frozen=True, slots=True)
class Text:
    """Running text, learned as a whole."""

    number: int
    text: str


Row = Conversation | Preference | Feedback | Text


def kind_of(row: Row) -> RowKind:
    """The kind of a row, as method cards name it."""
    match row:
        case Conversation():
            return "conversation"
        case Preference():
            return "preference"
        case Feedback():
            return "feedback"
        case Text():
            return "text"


def prompt_key(row: Row) -> int:
    """The same 64 bits for two rows that ask the same: all before the first answer (a text: itself)."""
    match row:
        case Conversation(messages=messages):
            answer = next((i for i, m in enumerate(messages) if m.role == "assistant"), len(messages))
            return _digest([(m.role, m.content.strip()) for m in messages[:answer]])
        case Preference(prompt=prompt) | Feedback(prompt=prompt):
            return _digest([(m.role, m.content.strip()) for m in prompt])
        case Text(text=text):
            return _digest([("text", text.strip())])


def content_key(row: Row) -> int:
    """The same 64 bits for two rows that say the same, whatever their numbers."""
    match row:
        case Conversation(messages=messages):
            return _digest([(m.role, m.content) for m in messages])
        case Preference(prompt=prompt, chosen=chosen, rejected=rejected):
            return _digest(_marked(prompt, "p") + _marked(chosen, "c") + _marked(rejected, "r"))
        case Feedback(prompt=prompt, completion=completion, label=label):
            return _digest([("label", str(label)), *_marked(prompt, "p"), *_marked(completion, "c")])
        case Text(text=text):
            return _digest([("text", text)])


def _marked(messages: tuple[Message, ...], mark: str) -> list[tuple[str, str]]:
    return [(mark + m.role, m.content) for m in messages]


def _digest(parts: list[tuple[str, str]]) -> int:
    """64 bits: among a million rows two different ones are taken for equal once in 37 million times."""
    whole = "\0".join(f"{name}\0{len(text)}\0{text}" for name, text in parts)
    digest = hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big")
