"""Four figures about the use of experts, each with what it means."""

from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.expert_events import Routing
from gui.state.words import number_words, share_words
from gui.widgets.labels import ElidedLabel, Label


class ExpertFigures(QWidget):
    """`show_event` with the newest event; the words behind a figure stand in its tool tip and for screen readers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        self.even = _Figure(
            self.tr("Evenly used"),
            self.tr(
                "100 % when every expert takes as much as the others, 0 % when one takes all (load entropy)."
            ),
        )
        self.busiest = _Figure(
            self.tr("Busiest"),
            self.tr(
                "What the busiest expert of any layer takes, against the mean of its layer; 1.0 is even (max load)."
            ),
        )
        self.idle = _Figure(
            self.tr("Nearly idle"),
            self.tr(
                "Experts that took less than 1 % of their layer's tokens in the last 50 steps, or, where there are "
                "many, less than a tenth of an even share (dead experts)."
            ),
        )
        self.unsure = _Figure(
            self.tr("Router unsure"),
            self.tr(
                "100 % when a router finds every expert equally fit, so that its choice is a guess; 0 % when it is "
                "certain (router entropy). It should fall slowly."
            ),
        )
        for figure in (self.even, self.busiest, self.idle, self.unsure):
            row.addWidget(figure)
            row.addStretch(1)

    def show_event(self, event: Routing) -> None:
        """The newest figures."""
        experts = sum(map(len, event.shares))
        self.even.set(share_words(event.load_entropy))
        self.busiest.set(self.tr("{times} times").format(times=number_words(event.max_load, 1)))
        some = self.tr("{count} of {all}").format(count=len(event.dead), all=experts)
        self.idle.set(some, "warn" if event.dead else "")
        self.unsure.set(share_words(event.router_entropy))


class _Figure(QWidget):
    """A small name above a figure."""

    def __init__(self, name: str, meaning: str) -> None:
        super().__init__()
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        self._name, self._meaning = name, meaning
        self.value = Label("–", "strong")
        column.addWidget(ElidedLabel(name, "small"))
        column.addWidget(self.value)
        self.setToolTip(meaning)
        self.setAccessibleDescription(meaning)

    def set(self, words: str, tone: str = "") -> None:
        """Show a figure."""
        self.value.setText(words)
        self.value.set_tone(tone)
        self.setAccessibleName(f"{self._name}: {words}")
