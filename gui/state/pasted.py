"""Rows from the clipboard: what they are, and the file that keeps them."""

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path

from engine.data.shapes import SHAPES
from engine.job.errors import FolderError
from engine.library.folders import data_folder

_USUAL = {name for shape in SHAPES for names in shape.roles.values() for name in names}
_HEADING = re.compile(r"[\w .-]{1,40}")


@dataclass(frozen=True)
class Pasted:
    """What a pasted text is: the `suffix` of its file, and how many rows it seems to have."""

    suffix: str
    rows: int


def recognise(text: str) -> Pasted | None:
    """JSON, JSON Lines, a table with tabs or commas, or plain text; None for nothing."""
    lines = [line for line in text.splitlines() if line.strip()]
    if not lines:
        return None
    if lines[0].lstrip().startswith(("{", "[")):
        return _json(text, lines)
    if len(lines) > 1 and "\t" in lines[0]:
        return Pasted(".tsv", _records(text, "\t") - 1)
    if len(lines) > 1 and _is_heading(lines[0]):
        return Pasted(".csv", _records(text, ",") - 1)
    return Pasted(".txt", len(re.split(r"\n\s*\n", text.strip())) if "\n\n" in text.strip() else len(lines))


def keep(text: str, pasted: Pasted) -> Path:
    """Write the text into the data folder under a name that is free; raises FolderError."""
    folder = data_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        number = 1
        while True:
            path = folder / f"pasted{f'-{number}' if number > 1 else ''}{pasted.suffix}"
            try:
                with path.open("x", encoding="utf-8") as file:
                    file.write(text.strip("\r\n") + "\n")
                return path
            except FileExistsError:
                number += 1
    except OSError as error:
        title = f"{folder} cannot be written: {error.strerror}."
        raise FolderError(title, "Choose another folder for data in the settings.") from None


def _json(text: str, lines: list[str]) -> Pasted:
    try:
        value = json.loads(text)
    except ValueError:
        return Pasted(".jsonl", len(lines))
    if isinstance(value, list):
        return Pasted(".json", len(value))
    lists = [item for item in value.values() if isinstance(item, list)] if isinstance(value, dict) else []
    holds_rows = len(lists) == 1 and bool(lists[0]) and all(isinstance(row, dict) for row in lists[0])
    is_messages = holds_rows and any(key in lists[0][0] for key in ("role", "from"))
    if holds_rows and not is_messages:
        return Pasted(".json", len(lists[0]))
    return Pasted(".jsonl", 1) if len(lines) == 1 else Pasted(".json", 1)


def _is_heading(line: str) -> bool:
    """Whether a line is column names with one that is usual: prose has commas, too."""
    names = next(csv.reader([line]))
    are_names = len(names) > 1 and all(_HEADING.fullmatch(name.strip()) for name in names)
    return are_names and any(name.strip().lower() in _USUAL for name in names)


def _records(text: str, delimiter: str) -> int:
    return sum(bool(record) for record in csv.reader(io.StringIO(text.strip()), delimiter=delimiter))
