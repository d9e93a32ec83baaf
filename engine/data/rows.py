"""What a row is once its file and its column names no longer matter. Nothing here reads files."""

import hashlib
from dataclasses import dataclass

from engine.job.cards import RowKind

__all__ = ["Conversation", "Message", "Preference", "Row", "RowKind", "Text", "kind_of", "prompt_key"]


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
class Text:
    """Running text, learned as a whole."""

    number: int
    text: str


Row = Conversation | Preference | Text


def kind_of(row: Row) -> RowKind:
    """The kind of a row, as method cards name it."""
    match row:
        case Conversation():
            return "conversation"
        case Preference():
            return "preference"
        case Text():
            return "text"


def prompt_key(row: Row) -> str:
    """The same for two rows exactly when they ask the same: all before the first answer (a text: itself)."""
    match row:
        case Conversation(messages=messages):
            answer = next((i for i, m in enumerate(messages) if m.role == "assistant"), len(messages))
            return _digest(messages[:answer])
        case Preference(prompt=prompt):
            return _digest(prompt)
        case Text(text=text):
            return _digest((Message("text", text),))


def _digest(messages: tuple[Message, ...]) -> str:
    whole = "\0".join(f"{m.role}\0{m.content.strip()}" for m in messages)
    return hashlib.blake2b(whole.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
