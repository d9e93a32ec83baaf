"""Rows from JSON: one object a line, or a document that is a list of objects or holds one."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

from engine.data.files import open_text, text_lines
from engine.data.reading import Located, Reading, Record, shortened
from engine.job.errors import DataError

_PIECE = 1 << 20
_WHITE = re.compile(r"[ \t\n\r]*")


def read_jsonl(path: Path, reading: Reading) -> Iterator[Located]:
    """One JSON object a line; blank lines are passed over."""
    for number, line in text_lines(path, reading):
        if not isinstance(line, str):
            yield number, line
        elif line and not line.isspace():
            try:
                yield number, _as_record(_parse(line, path, number), path, f"Line {number}")
            except DataError as error:
                yield reading.bad(number, error, line)


def read_json(path: Path, reading: Reading) -> Iterator[Located]:
    """A list of objects, an object that holds one list (or one list a split), or one object a line."""
    with open_text(path) as file:
        start = file.read(_PIECE)
        if start.lstrip().startswith("["):
            yield from _read_list(file, start, path, reading)
            return
        text = start + file.read()
    try:
        document = _DECODER.decode(text)
    except json.JSONDecodeError as error:
        if error.msg == "Extra data" and "\n" not in text[: error.pos].strip():  # one object a line
            yield from read_jsonl(path, reading)
            return
        raise _malformed(path, error.lineno, error.colno, error.msg, _line_at(text, error.lineno)) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{path.name}' is not usable JSON: {error}.", "Mend the file.") from None
    for number, value in enumerate(_rows_in(document, path, reading.split), 1):
        yield _row(value, number, path, reading)


def _read_list(file: TextIO, text: str, path: Path, reading: Reading) -> Iterator[Located]:
    """The items of a list, one after another: a document of any length takes the memory of one item."""
    at, lines, size, number = text.index("[") + 1, 0, _PIECE, 0
    while True:
        at = _after_white(text, at)
        if text[at : at + 1] == "]":
            _refuse_more(text, at + 1, lines, path)
            return
        try:
            value, end = _DECODER.raw_decode(text, at)
            after = _after_white(text, end)
            is_whole = after < len(text)
        except json.JSONDecodeError as error:
            fault, is_whole = (error.msg, error.pos), False
        except (ValueError, RecursionError) as error:
            raise DataError(f"'{path.name}' is not usable JSON: {error}.", "Mend the file.") from None
        else:
            fault = ("Expecting ',' delimiter", after)
        if not is_whole:
            more = file.read(size)
            if not more:
                raise _malformed_at(text, fault[1], lines, fault[0], path)
            lines += text.count("\n", 0, at)
            text, at, size = text[at:] + more, 0, size * 2
            continue
        number, size = number + 1, _PIECE
        yield _row(value, number, path, reading)
        if text[after] == ",":
            at = after + 1
        elif text[after] != "]":
            raise _malformed_at(text, after, lines, "Expecting ',' delimiter", path)
        else:
            at = after


def _after_white(text: str, at: int) -> int:
    found = _WHITE.match(text, at)
    return found.end() if found else at


def _refuse_more(text: str, at: int, lines: int, path: Path) -> None:
    rest = _after_white(text, at)
    if rest < len(text):
        raise _malformed_at(text, rest, lines, "Extra data", path)


def _malformed_at(text: str, at: int, lines: int, reason: str, path: Path) -> DataError:
    line = text.count("\n", 0, at)
    start = text.rfind("\n", 0, at) + 1
    stop = text.find("\n", start)
    shown = text[start : stop if stop >= 0 else len(text)]
    return _malformed(path, lines + line + 1, at - start + 1, reason, shown)


def _row(value: object, number: int, path: Path, reading: Reading) -> Located:
    try:
        return 0, _as_record(value, path, f"Row {number}")
    except DataError as error:
        return reading.bad(0, error, str(value))


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number that a row may hold")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)


def _parse(line: str, path: Path, number: int) -> object:
    try:
        value: object = _DECODER.decode(line)
    except json.JSONDecodeError as error:
        raise _malformed(path, number, error.colno, error.msg, line) from None
    except (ValueError, RecursionError) as error:
        title = f"Line {number} of '{path.name}' cannot be used: {error}."
        raise DataError(title, "Mend or remove that line.") from None
    return value


def _malformed(path: Path, line: int, column: int, reason: str, text: str) -> DataError:
    title = f"Line {line} of '{path.name}' is not valid JSON at column {column} ({reason}): {shortened(text)}"
    return DataError(title, "Mend or remove that line, or skip malformed lines.")


def _line_at(text: str, number: int) -> str:
    lines = text.split("\n", number)
    return lines[number - 1] if number <= len(lines) else ""


def _as_record(value: object, path: Path, where: str) -> Record:
    if isinstance(value, dict):
        return value
    kinds = {list: "a list", str: "a text", bool: "true or false", type(None): "null"}
    found = kinds.get(type(value), "a number")
    advice = 'Every row must be an object such as {"instruction": "...", "response": "..."}.'
    raise DataError(f"{where} of '{path.name}' is {found}, not an object.", advice)


def _rows_in(document: object, path: Path, split: str | None) -> list[Any]:
    """The list of rows in a JSON document that is no list itself."""
    if not isinstance(document, Mapping):
        raise DataError(f"'{path.name}' holds no list of rows.", "Give a list of objects.")
    lists = {key: value for key, value in document.items() if _is_list_of_objects(value)}
    if split is not None and split in lists:
        return lists[split]
    if len(lists) == 1 and split is None:
        return next(iter(lists.values()))
    if not lists:
        advice = "Give a list of objects, or an object that holds one such list."
        raise DataError(f"'{path.name}' holds no list of rows.", advice)
    names = ", ".join(f"'{name}'" for name in lists)
    raise DataError(f"'{path.name}' holds the lists {names}.", 'Say which one to take: split = "...".')


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value[:10])
