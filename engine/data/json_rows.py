"""Rows from JSON: one object a line, or a document that is a list of objects or holds one."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn, TextIO

from engine.data.files import LONGEST_LINE, open_text, text_lines
from engine.data.reading import Located, Reading, Record, quoted, shortened
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
        text = "" if _is_one_a_line(start) else start + file.read()
    if not text or _is_one_a_line(text):
        yield from read_jsonl(path, reading)
        return
    for number, value in enumerate(_rows_in(_document(text, path), path, reading.split), 1):
        yield _row(value, number, path, reading)


def _is_one_a_line(text: str) -> bool:
    """Whether an object stands on one line and more follows."""
    try:
        _, end = _ANY_DECODER.raw_decode(text, _after_white(text, 0))
    except (ValueError, RecursionError):
        return False
    return _after_white(text, end) < len(text) and "\n" not in text[:end].strip()


def _document(text: str, path: Path) -> object:
    if not text.strip():
        raise DataError(f"There are no examples in '{path.name}': it is blank.", "Choose another file.")
    try:
        return _DECODER.decode(text)
    except json.JSONDecodeError as error:
        raise _malformed_at(text, error.pos, 0, error.msg, path) from None
    except _ConstantError as error:
        raise _malformed_at(text, _constant_at(text, 0), 0, str(error), path) from None
    except (ValueError, RecursionError) as error:
        raise DataError(f"'{path.name}' is not usable JSON: {error}.", "Mend the file.") from None


def _read_list(file: TextIO, text: str, path: Path, reading: Reading) -> Iterator[Located]:
    """The items of a list, one after another: a document of any length takes the memory of one item."""
    at, lines, size, number = text.index("[") + 1, 0, _PIECE, 0
    while True:
        at = _after_white(text, at)
        if text[at : at + 1] == "]":
            _refuse_more(text, at + 1, lines, path)
            return
        try:
            value, end = _item(text, at, number + 1, path)
            after = _after_white(text, end)
            is_whole = after < len(text)
            fault, is_final = ("Expecting ',' delimiter", after), False
        except json.JSONDecodeError as error:
            fault, is_whole, is_final = (error.msg, error.pos), False, _is_final(error)
        if not is_whole:
            more = "" if is_final else file.read(size)
            if not more:
                raise _malformed_at(text, fault[1], lines, fault[0], path)
            if len(text) - at > LONGEST_LINE:
                raise _too_long(number + 1, path)
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


def _item(text: str, at: int, number: int, path: Path) -> tuple[object, int]:
    """The value at a place and where it ends; an error in its stead where it is whole but cannot be used.

    Raises json.JSONDecodeError where it is not whole.
    """
    try:
        value, end = _DECODER.raw_decode(text, at)
    except json.JSONDecodeError:
        raise
    except _ConstantError as error:
        _, end = _ANY_DECODER.raw_decode(text, at)
        words = f"Row {number} of '{path.name}' cannot be used: {error}."
        return DataError(words, "Mend or remove that row."), end
    except (ValueError, RecursionError) as error:
        words = f"Row {number} of '{path.name}' cannot be used: {error}."
        raise DataError(words, "Mend or remove that row.") from None
    return (_too_long(number, path) if end - at > LONGEST_LINE else value), end


def _is_final(error: json.JSONDecodeError) -> bool:
    """Whether no further text could heal the fault."""
    has_end = not error.msg.startswith(("Unterminated string", "Invalid"))
    return has_end and len(error.doc) - error.pos > _LONGEST_WORD


def _too_long(number: int, path: Path) -> DataError:
    words = f"{LONGEST_LINE // 1_000_000} MB"
    title = f"Row {number} of '{path.name}' is longer than {words}."
    return DataError(title, "Divide it, or close the quotation mark that was left open in it.")


def _constant_at(text: str, at: int) -> int:
    """Where the first NaN or Infinity stands that is no part of a text."""
    found = (match for match in _CONSTANT.finditer(text, at) if match[1])
    return next((match.start() for match in found), at)


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
    if isinstance(value, DataError):
        return reading.bad(0, value)
    try:
        return 0, _as_record(value, path, f"Row {number}")
    except DataError as error:
        return reading.bad(0, error, str(value))


class _ConstantError(ValueError):
    """NaN or Infinity, which JSON does not know and no row may hold."""


def _refuse_constant(name: str) -> NoReturn:
    raise _ConstantError(f"{name} is not a number that a row may hold")


_DECODER = json.JSONDecoder(parse_constant=_refuse_constant)
_ANY_DECODER = json.JSONDecoder()
_CONSTANT = re.compile(r'"(?:[^"\\]|\\.)*"|(NaN|-?Infinity)', re.DOTALL)
_LONGEST_WORD = len("-Infinity")


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
    rows = {key: value for key, value in lists.items() if not _is_message(value[0])}
    if len(rows) == 1 and split is None:
        return next(iter(rows.values()))
    if not rows and (lists or any(isinstance(value, str) for value in document.values())):
        return [document]
    if not rows:
        advice = "Give a list of objects, or an object that holds one such list."
        raise DataError(f"'{path.name}' holds no list of rows.", advice)
    raise DataError(f"'{path.name}' holds the lists {quoted(rows)}.", 'Say which one to take: split = "...".')


def _is_message(item: Mapping[str, object]) -> bool:
    """Messages are what one row is made of, not rows."""
    return ("role" in item or "from" in item) and any(name in item for name in ("content", "value", "text"))


def _is_list_of_objects(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(item, dict) for item in value[:10])
