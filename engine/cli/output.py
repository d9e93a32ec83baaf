"""What is printed where: results on standard output, progress and remarks on standard error."""

import json
import os
import re
import sys
from collections.abc import Sequence
from typing import IO, Any

from engine.job.codec import to_plain

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
_BOLD, _DIM, _END = "\x1b[1m", "\x1b[2m", "\x1b[0m"


def clean(text: str) -> str:
    """Text from a model or a file, fit for a terminal: control characters and reordering marks become �."""
    return _CONTROL.sub("\ufffd", text.replace("\r\n", "\n"))


def one_line(text: str, width: int) -> str:
    """The cleaned text on one line, cut to `width` characters."""
    line = " ".join(clean(text).split())
    return line if len(line) <= width else line[: max(1, width - 1)] + "…"


class Output:
    """The two streams of the command line. With `as_json`, standard output holds one JSON object only."""

    def __init__(self, as_json: bool = False, out: IO[str] | None = None, err: IO[str] | None = None) -> None:
        self.as_json = as_json
        self.out = out or sys.stdout
        self.err = err or sys.stderr

    @property
    def has_terminal(self) -> bool:
        """Whether a person reads the results on a terminal."""
        return self.out.isatty()

    @property
    def has_bar(self) -> bool:
        """Whether a progress bar may be drawn."""
        return self.err.isatty()

    @property
    def has_colours(self) -> bool:
        """Whether results may be coloured (NO_COLOR forbids it)."""
        return self.has_terminal and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"

    def remark(self, text: str) -> None:
        """A line for the person who waits."""
        print(text, file=self.err, flush=True)

    def text(self, text: str = "") -> None:
        """A line of the result, left out where JSON was asked for."""
        if not self.as_json:
            print(text, file=self.out, flush=True)

    def result(self, values: object) -> None:
        """The result as one JSON object, where that was asked for."""
        if self.as_json:
            indent = 2 if self.has_terminal else None
            text = json.dumps(to_plain(values), ensure_ascii=False, indent=indent)
            text = text.encode("utf-8", "backslashreplace").decode()  # half a character as its JSON escape
            print(text, file=self.out, flush=True)

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A table with aligned columns; numbers stand to the right."""
        if self.as_json:
            return
        cells = [[one_line(str(cell), 60) for cell in row] for row in rows]
        widths = [max(len(row[n]) for row in [list(titles), *cells]) for n in range(len(titles))]
        is_number = [bool(rows) and all(_is_number(row[n]) for row in rows) for n in range(len(titles))]
        self.text(self.bold(_joined(titles, widths, is_number)))
        for row in cells:
            self.text(_joined(row, widths, is_number))

    def facts(self, facts: Sequence[tuple[str, object]]) -> None:
        """Names and values, one a line, aligned."""
        width = max((len(name) for name, _ in facts), default=0)
        for name, value in facts:
            lines = clean(str(value)).split("\n")
            self.text(f"{name.ljust(width)}  " + ("\n" + " " * (width + 2)).join(lines))

    def bold(self, text: str) -> str:
        """The text made to stand out on a terminal."""
        return f"{_BOLD}{text}{_END}" if self.has_colours else text

    def dim(self, text: str) -> str:
        """The text made to stand back on a terminal."""
        return f"{_DIM}{text}{_END}" if self.has_colours else text


def _is_number(value: Any) -> bool:  # Any: a cell of a table
    return isinstance(value, int | float) and not isinstance(value, bool)


def _joined(cells: Sequence[str], widths: Sequence[int], is_number: Sequence[bool]) -> str:
    placed = (
        cell.rjust(width) if right else cell.ljust(width)
        for cell, width, right in zip(cells, widths, is_number, strict=True)
    )
    return "  ".join(placed).rstrip()
