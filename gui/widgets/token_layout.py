"""Flows tokens into lines. No Qt: the caller measures text."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

CHIP_PAD = 6
CHIP_GAP = 5
NEWLINE_SIGN = "↵"


@dataclass(frozen=True)
class Piece:
    """A part of one token on one line: `x` and `width` in pixels, `line` from 0, `token` its place in the list."""

    x: float
    width: float
    line: int
    token: int
    text: str
    is_chip: bool


def flow(
    tokens: Sequence[tuple[str, str]], width: float, measure: Callable[[str, bool], float]
) -> tuple[list[Piece], int]:
    """Place (text, kind) tokens into lines of `width` pixels; the pieces in reading order and the number of lines.

    `measure(text, is_chip)` gives pixels. A newline inside a token shows its sign and starts a line; a text too wide
    for a line is cut into pieces.
    """
    pen = _Pen(max(40.0, width), measure)
    for place, (text, kind) in enumerate(tokens):
        if kind.startswith("special"):
            pen.chip(text, place)
            continue
        lines = text.split("\n")
        for number, line in enumerate(lines):
            is_last = number == len(lines) - 1
            pen.text(line if is_last else line + NEWLINE_SIGN, place)
            if not is_last:
                pen.new_line()
    return pen.pieces, pen.line + 1


class _Pen:
    def __init__(self, width: float, measure: Callable[[str, bool], float]) -> None:
        self.width = width
        self.measure = measure
        self.x = 0.0
        self.line = 0
        self.pieces: list[Piece] = []

    def new_line(self) -> None:
        self.x = 0.0
        self.line += 1

    def chip(self, text: str, token: int) -> None:
        wide = self.measure(text, True) + 2 * CHIP_PAD
        if self.x and self.x + CHIP_GAP + wide > self.width:
            self.new_line()
        left = self.x + (CHIP_GAP if self.x else 0)
        self.pieces.append(Piece(left, wide, self.line, token, text, True))
        self.x = left + wide + CHIP_GAP

    def text(self, text: str, token: int) -> None:
        while text:
            wide = self.measure(text, False)
            if self.x + wide > self.width and self.x:
                self.new_line()
                continue
            count = len(text) if wide <= self.width else self._fitting(text)
            part = text[:count]
            part_width = self.measure(part, False)
            self.pieces.append(Piece(self.x, part_width, self.line, token, part, False))
            self.x += part_width + 1
            text = text[count:]
            if text:
                self.new_line()

    def _fitting(self, text: str) -> int:
        low, high = 1, len(text)
        while low < high:
            middle = (low + high + 1) // 2
            if self.measure(text[:middle], False) <= self.width:
                low = middle
            else:
                high = middle - 1
        return low
