"""The strip below the method: memory by part, time, disk; it follows every edit."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui.state.costs import Costs
from gui.state.words import size_words, span_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label, Line
from gui.widgets.memory_bar import MemoryBar


class EstimateStrip(Card):
    """`next_asked` from its button."""

    next_asked = Signal()

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=14)
        row = QHBoxLayout()
        row.setSpacing(18)
        memory = QVBoxLayout()
        memory.setSpacing(6)
        self.memory_words = Label("", "strong", wrap=True)
        self.memory = MemoryBar()
        memory.addWidget(self.memory_words)
        memory.addWidget(self.memory)
        row.addLayout(memory, 1)
        self.time, self.time_note = self._figure(row, "clock", self.tr("Time"))
        self.disk, self.disk_note = self._figure(row, "hard-drive", self.tr("Disk"))
        self.button = Button(self.tr("Next: Train"), "primary", "arrow-right", icon_last=True)
        self.button.clicked.connect(self.next_asked)
        row.addWidget(self.button)
        self.body.addLayout(row)

    def fill(self, costs: Costs | None, problem: str = "") -> None:
        """Show the estimate; there is none without a usable model, or where choices exclude each other."""
        self.memory.setVisible(costs is not None)
        if costs is None:
            self._say(problem or self.tr("Choose a model to see what it needs."), bool(problem))
            self.time.setText("–")
            self.disk.setText("–")
            return
        found = costs.estimate
        words = self.tr("Memory {need} of {free} free")
        words = words.format(need=size_words(found.total), free=size_words(found.free))
        self._say(problem or words, bool(problem) or not found.fits)
        self.memory.set_parts(found.weights, found.adapter, found.activations, found.working, found.free)
        self.time.setText(span_words(costs.seconds) or "–")
        known = (
            self.tr("{n} steps").format(n=found.updates) if found.updates else self.tr("once data is read")
        )
        self.time_note.setText(known)
        self.disk.setText(size_words(found.disk))
        self.disk_note.setText(self.tr("checkpoints and result"))

    def _say(self, words: str, is_bad: bool) -> None:
        self.memory_words.setText(words)
        self.memory_words.set_tone("bad" if is_bad else "")

    def _figure(self, row: QHBoxLayout, icon: str, title: str) -> tuple[Label, Label]:
        row.addWidget(Line(upright=True))
        column = QVBoxLayout()
        column.setSpacing(1)
        head = QHBoxLayout()
        head.setSpacing(6)
        head.addWidget(IconLabel(icon, "muted", 14))
        head.addWidget(Label(title, "small"))
        head.addStretch(1)
        column.addLayout(head)
        value, note = Label("–", "strong"), Label("", "small")
        column.addWidget(value)
        column.addWidget(note)
        row.addLayout(column)
        return value, note
