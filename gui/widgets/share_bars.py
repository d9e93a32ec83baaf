"""One layer: how its experts share the tokens of two prompts, as two bars, and how much they differ."""

from collections.abc import Sequence
from dataclasses import dataclass

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QFont, QFontMetrics, QPainter, QPainterPath, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from gui import theme
from gui.theme.experts import OTHER, expert_ground

_LETTER = 20
_BETWEEN = 14
_GAP = 3


@dataclass(frozen=True)
class ShareWords:
    """What stands left of the bars, and right of them: the difference, strong where it tells something, and a note."""

    title: str
    difference: str
    note: str
    is_telling: bool


class ShareBars(QWidget):
    """`shares` are those of the first prompt and of the second by expert, `places` the experts' grounds.

    A part that has room says its expert and share; the accessible name says all of them. `sides` are the widths of
    the words left and right, the same for all layers of a list.
    """

    def __init__(
        self,
        shares: tuple[Sequence[float], Sequence[float]],
        places: Sequence[int],
        words: ShareWords,
        sides: tuple[float, float],
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._shares, self._places, self._told, self._sides = shares, places, words, sides
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        rows = (self.tr("Prompt A: "), self.tr("Prompt B: "))
        parts = [
            lead + ", ".join(f"{n + 1}: {share * 100:.0f} %" for n, share in enumerate(row) if share)
            for lead, row in zip(rows, shares, strict=True)
        ]
        sentences = self.tr("{layer}, shares by expert. {parts}. Difference {difference}, {note}.")
        self.setAccessibleName(
            sentences.format(
                layer=words.title, parts=". ".join(parts), difference=words.difference, note=words.note
            )
        )

    def sizeHint(self) -> QSize:
        return QSize(420, 2 * self._height() + _GAP)

    def minimumSizeHint(self) -> QSize:
        return QSize(320, self.sizeHint().height())

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        tokens, told = theme.current(), self._told
        left, right = self.bar_ends()
        whole = QRectF(0, 0, left - _LETTER, self.height())
        _write(painter, whole, told.title, theme.font(13, "semibold"), tokens.text)
        for row, (letter, shares) in enumerate(zip("AB", self._shares, strict=True)):
            area = QRectF(left, row * (self._height() + _GAP), right - left, self._height())
            lead = QRectF(left - _LETTER, area.top(), _LETTER, area.height())
            _write(painter, lead, letter, theme.font(12, "semibold"), tokens.muted)
            self._paint_row(painter, area, shares)
        beside = QRectF(right + _BETWEEN, 0, self.width() - right - _BETWEEN, self.height() / 2)
        font = theme.font(13, "semibold" if told.is_telling else "regular")
        _write(painter, beside, told.difference, font, tokens.text if told.is_telling else tokens.muted)
        _write(painter, beside.translated(0, self.height() / 2), told.note, theme.font(12), tokens.muted)

    def bar_ends(self) -> tuple[float, float]:
        """Where the bars begin and end."""
        return self._sides[0] + _BETWEEN + _LETTER, self.width() - self._sides[1] - _BETWEEN

    def _paint_row(self, painter: QPainter, area: QRectF, shares: Sequence[float]) -> None:
        path = QPainterPath()
        path.addRoundedRect(area, 4, 4)
        painter.save()
        painter.setClipPath(path)
        painter.fillRect(area, theme.colour(theme.current().track))
        font = theme.font(11, "medium")
        metrics = QFontMetrics(font)
        painter.setFont(font)
        left = area.left()
        for expert, place, share in self._parts(shares):
            part = QRectF(left, area.top(), share * area.width(), area.height())
            painter.fillRect(part, theme.colour(expert_ground(place)))
            painter.fillRect(
                QRectF(part.right() - 1, part.top(), 1, part.height()), theme.colour(theme.current().card)
            )
            words = self._words(expert, share, part.width() - 8, metrics)
            painter.setPen(theme.colour(theme.current().text))
            painter.drawText(part, Qt.AlignmentFlag.AlignCenter, words)
            left = part.right()
        painter.restore()

    def _parts(self, shares: Sequence[float]) -> list[tuple[int, int, float]]:
        """(expert, ground, share) from left to right: the same order in both bars, the rest together at the end."""
        own = [(n, place, shares[n]) for n, place in enumerate(self._places) if place != OTHER]
        own.sort(key=lambda part: part[1])
        rest = sum(share for share, place in zip(shares, self._places, strict=True) if place == OTHER)
        return [part for part in [*own, (-1, OTHER, rest)] if part[2] > 0]

    def _words(self, expert: int, share: float, room: float, metrics: QFontMetrics) -> str:
        number = str(expert + 1) if expert >= 0 else self.tr("others")
        for words in (f"{number}  {share * 100:.0f} %", number):
            if metrics.horizontalAdvance(words) <= room:
                return words
        return ""

    def _height(self) -> int:
        return theme.scaled(18)


def sides_of(words: Sequence[ShareWords]) -> tuple[float, float]:
    """The widths that the words of a list of layers need left and right."""
    strong, small = QFontMetrics(theme.font(13, "semibold")), QFontMetrics(theme.font(12))
    left = max((strong.horizontalAdvance(told.title) for told in words), default=0)
    right = max(
        (max(strong.horizontalAdvance(t.difference), small.horizontalAdvance(t.note)) for t in words),
        default=0,
    )
    return left, right + 2


def _write(painter: QPainter, area: QRectF, words: str, font: QFont, colour: str) -> None:
    painter.setFont(font)
    painter.setPen(theme.colour(colour))
    painter.drawText(area, Qt.AlignmentFlag.AlignVCenter, words)
