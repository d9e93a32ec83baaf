"""One record seen through the roles of its columns: the value of a role, checked, or a sentence that names it."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.data.cells import ROLE_NAMES, opened_list, opened_messages
from engine.data.files import LONGEST_LINE
from engine.data.reading import quoted
from engine.data.rows import Message
from engine.job.errors import DataError


class UnusableRowError(Exception):
    """A row that is passed over and counted under `reason`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Values:
    """A record and the column of each role. `where` names the row for messages ("Row 3 of 'a.jsonl'")."""

    record: Mapping[str, Any]  # Any: whatever stands in the file
    columns: Mapping[str, str]
    where: str

    def raw(self, role: str) -> Any:  # Any: whatever stands in the file
        """The value as it stands, None when the role has no column or the cell is empty.

        Raises DataError when the row lacks a column that its file has.
        """
        column = self.columns.get(role)
        if column is None:
            return None
        if column not in self.record:
            title = f"{self.where} has no {quoted([column])}; it has {quoted(self.record)}."
            raise DataError(title, "Add the field to that row, or remove the row.")
        value = self.record[column]
        return None if isinstance(value, float) and math.isnan(value) else value

    def optional(self, role: str) -> Any:  # Any: whatever stands in the file
        """The value as it stands; a row without the column is like one with an empty cell."""
        return self.raw(role) if self.columns.get(role) in self.record else None

    def text(self, role: str, is_optional: bool = False) -> str:
        """The text of a role, "" when its cell is empty; raises DataError for a value of another type."""
        value = self.optional(role) if is_optional else self.raw(role)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise self.wrong_type(role, value, "a text")
        return self.sound(role, value)

    def sound(self, role: str, text: str) -> str:
        """A text of a role itself; raises DataError where no tokenizer could take it."""
        return _sound(text, f"{self.where}: {quoted([self.columns[role]])}")

    def listed(self, role: str) -> Any:  # Any: whatever stands in the file
        """The list of a role, empty when its cell or column is; a cell's JSON text is opened."""
        value = self.optional(role)
        return (opened_list(value) if isinstance(value, str) else value) or []

    def turns(self, role: str) -> str | tuple[Message, ...]:
        """The text of a role, or its messages where it holds a list of them (or one, or their JSON)."""
        value = self.raw(role)
        if isinstance(value, str):
            value = opened_messages(value, is_sure=role == "messages")
        if value is None:
            return ""
        if isinstance(value, str):
            return self.sound(role, value)
        items = [value] if isinstance(value, Mapping) else value
        if not isinstance(items, list):
            raise self.wrong_type(role, value, "a text or a list of messages")
        return tuple(self._message(item, role, number) for number, item in enumerate(items, 1))

    def verdict(self, role: str) -> bool | None:
        """Whether a label says good or bad, None when its cell is empty; raises DataError for anything else."""
        value = self.raw(role)
        if value is None or value == "":
            return None
        found = verdict_of(value)
        if found is None:
            raise self.wrong_type(role, value, "true or false")
        return found

    def wrong_type(self, role: str, value: object, wanted: str) -> DataError:
        """The sentence for a value that is not what its role needs."""
        title = f"{self.where}: {quoted([self.columns[role]])} is {type_words(value)}, not {wanted}."
        return DataError(title, "Mend that row, or choose another column.")

    def _message(self, item: object, role: str, number: int) -> Message:
        place = f"{self.where}: message {number} in {quoted([self.columns[role]])}"
        if not isinstance(item, Mapping):
            advice = 'A message looks like {"role": "user", "content": "..."}.'
            raise DataError(f"{place} is {type_words(item)}, not an object.", advice)
        name, content = _first(item, ("role", "from")), _first(item, ("content", "value", "text"))
        if name is None or content is _ABSENT:
            missing = "role" if name is None else "content"
            advice = "Every message needs 'role' and 'content' (or 'from' and 'value')."
            raise DataError(f"{place} has no '{missing}'; it has {quoted(item)}.", advice)
        if str(name).lower() not in ROLE_NAMES:
            advice = "Known roles: system, user (human), assistant (gpt, model), tool."
            raise DataError(f"{place} has the unknown role {quoted([name])}.", advice)
        return Message(ROLE_NAMES[str(name).lower()], _content(content, place))


_GOOD = (
    "true",
    "1",
    "+1",
    "1.0",
    "yes",
    "y",
    "good",
    "up",
    "like",
    "thumbs up",
    "desirable",
    "positive",
    "👍",
)
_BAD = (
    "false",
    "0",
    "-1",
    "0.0",
    "no",
    "n",
    "bad",
    "down",
    "dislike",
    "thumbs down",
    "undesirable",
    "negative",
    "👎",
)
_VERDICTS = dict.fromkeys(_GOOD, True) | dict.fromkeys(_BAD, False)


def verdict_of(value: object) -> bool | None:
    """What a label says, however it is written: true/false, 1/0, "true", thumbs; None for anything else."""
    if isinstance(value, bool):
        return value
    if not isinstance(value, int | float | str):
        return None
    text = str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)
    plain = (
        text.strip().lower().replace("_", " ").replace("-", " ").strip() if len(text) > 2 else text.strip()
    )
    return _VERDICTS.get(plain.lower())


def type_words(value: object) -> str:
    """The type of a value in a file, in words."""
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return f"the number {value}"
    words = {list: "a list", dict: "an object", str: "a text", type(None): "empty"}
    return words.get(type(value), type(value).__name__)


_ABSENT: Any = object()  # Any: stands for a value of any type that is not there


def _first(item: Mapping[str, Any], names: tuple[str, ...]) -> Any:  # Any: whatever stands in the file
    """The first of some fields that is not empty; tables fill up what a message lacks with nothing."""
    found = [name for name in names if name in item]
    if not found:
        return None if "role" in names else _ABSENT
    return next((item[name] for name in found if item[name] is not None), None)


def _content(value: object, place: str) -> str:
    """The text of a message: a string, nothing, or a list of text parts."""
    if value is None:
        return ""
    if isinstance(value, str):
        return _sound(value, place)
    if isinstance(value, list) and all(
        isinstance(p, Mapping) and isinstance(p.get("text"), str) for p in value
    ):
        return _sound("".join(part["text"] for part in value), place)
    advice = "Only text can be learned; remove pictures, sound and other parts."
    raise DataError(f"{place} holds {type_words(value)}, not a text.", advice)


def _sound(text: str, place: str) -> str:
    """The text itself; raises DataError where no tokenizer could take it."""
    if len(text) > LONGEST_LINE:
        words = f"{LONGEST_LINE // 1_000_000} million characters"
        raise DataError(f"{place} is longer than {words}.", "Divide it into several rows.")
    try:
        text.isascii() or text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        advice = "Mend or remove that row: an emoji was cut in two when the file was written."
        raise DataError(f"{place} holds half of a character ({half}).", advice) from None
    return text
