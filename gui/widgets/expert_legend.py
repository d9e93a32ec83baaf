"""The experts of an answer with their shares: what the grounds mean, and a press shows one expert's tokens alone."""

from collections.abc import Sequence

from PySide6.QtCore import QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QAbstractButton, QWidget

from gui import theme
from gui.theme.experts import COLOURS, OTHER, expert_ground
from gui.widgets.flow import Flow

ALL = -1
REST = -2
"""What is shown in place of an expert's number: all of them, or those without a colour of their own."""

_PAD = 4


def places_of(counts: Sequence[int]) -> list[int]:
    """The ground of each expert: its own number where there are few, else the busiest have one each."""
    if len(counts) <= COLOURS:
        return list(range(len(counts)))
    busiest = sorted(range(len(counts)), key=lambda expert: (-counts[expert], expert))[:COLOURS]
    return [busiest.index(expert) if expert in busiest else OTHER for expert in range(len(counts))]


class ExpertLegend(QWidget):
    """`set_counts` fills it; `chosen` carries the expert that shall be shown alone, `REST` or `ALL`."""

    chosen = Signal(int)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._row = Flow(self, gap=3)
        self._all: list[ExpertChip] = []
        self.chips: dict[int, ExpertChip] = {}
        self.alone = ALL

    def set_counts(self, counts: Sequence[int]) -> None:
        """Show each expert's share; an expert that is shown alone stays so while it is there."""
        entries = self._entries(counts)
        while len(self._all) < len(entries):
            self._add_chip()
        for chip in self._all[len(entries) :]:
            chip.hide()
        self.chips = {expert: chip for (expert, _, _), chip in zip(entries, self._all, strict=False)}
        if self.alone not in self.chips:
            self.alone = ALL
        whole = max(1, sum(counts))
        for expert, place, count in entries:
            number = str(expert + 1) if expert >= 0 else self.tr("others")
            self.chips[expert].show_share(number, place, count / whole, expert == self.alone)
            self.chips[expert].show()

    def _entries(self, counts: Sequence[int]) -> list[tuple[int, int, int]]:
        """(expert, ground, tokens), in the order of the grounds."""
        places = places_of(counts)
        entries = [(n, place, counts[n]) for n, place in enumerate(places) if place != OTHER]
        entries.sort(key=lambda entry: entry[1])
        if len(counts) > COLOURS:
            entries.append((REST, OTHER, sum(counts[n] for n, place in enumerate(places) if place == OTHER)))
        return entries

    def _add_chip(self) -> None:
        chip = ExpertChip(self)
        chip.clicked.connect(lambda: self._choose(chip))
        self._all.append(chip)
        self._row.addWidget(chip)

    def _choose(self, pressed: "ExpertChip") -> None:
        expert = next(expert for expert, chip in self.chips.items() if chip is pressed)
        self.alone = ALL if self.alone == expert else expert
        for own, chip in self.chips.items():
            chip.setChecked(own == self.alone)
        self.chosen.emit(self.alone)


class ExpertChip(QAbstractButton):
    """An expert's number on its ground with its share; checked where it is shown alone."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setCheckable(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)
        self._number, self._share, self._place = "", "", 0
        theme.changed.connect(self.updateGeometry)

    def show_share(self, number: str, place: int, share: float, is_alone: bool) -> None:
        """Follow the counts."""
        self._number, self._place, self._share = number, place, f"{share * 100:.0f} %"
        self.setChecked(is_alone)
        words = self.tr("Expert {number}: first choice of {share} of the answer's tokens")
        if place == OTHER:
            words = self.tr("The other experts: first choice of {share} of the answer's tokens")
        self.setAccessibleName(words.format(number=number, share=self._share))
        self.setToolTip(self.accessibleName() + "\n" + self.tr("Press to show its tokens alone."))
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        numbers, shares = QFontMetrics(theme.font(12, "semibold")), QFontMetrics(theme.font(12))
        width = (
            self._swatch(numbers)
            + 5
            + max(shares.horizontalAdvance(words) for words in ("88 %", self._share))
            + 2 * 4
        )
        return QSize(round(width), theme.scaled(24))

    def paintEvent(self, event: QPaintEvent) -> None:
        tokens = theme.current()
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self.isChecked() or self.hasFocus() or self.underMouse():
            painter.setPen(
                QPen(theme.colour(tokens.accent if self.isChecked() or self.hasFocus() else tokens.line), 1.2)
            )
            painter.setBrush(theme.colour(tokens.accent_soft if self.isChecked() else tokens.card))
            painter.drawRoundedRect(QRectF(self.rect()).adjusted(0.6, 0.6, -0.6, -0.6), 6, 6)
        font = theme.font(12, "semibold")
        wide = self._swatch(QFontMetrics(font))
        swatch = QRectF(2, 4, wide, self.height() - 8)
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.colour(expert_ground(self._place)))
        painter.drawRoundedRect(swatch, 3, 3)
        painter.setFont(font)
        painter.setPen(theme.colour(tokens.text))
        painter.drawText(swatch, Qt.AlignmentFlag.AlignCenter, self._number)
        painter.setFont(theme.font(12))
        painter.setPen(theme.colour(tokens.muted))
        room = QRectF(swatch.right() + 5, 0, self.width() - swatch.right() - 5, self.height())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter, self._share)

    def _swatch(self, metrics: QFontMetrics) -> float:
        return max(20.0, metrics.horizontalAdvance(self._number) + 2 * _PAD)
