"""The cards of the Method page: the task, the preference loss, the part that changes."""

from collections.abc import Mapping

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices, QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.adapters import ADAPTERS
from engine.job.cards import AdapterCard
from engine.job.job import Job
from engine.job.methods import FAMILIES, METHODS
from gui.language import QT_TRANSLATE_NOOP
from gui.widgets.buttons import Button
from gui.widgets.choice_card import ChoiceCard
from gui.widgets.choice_group import ChoiceGroup
from gui.widgets.labels import Label, TermLabel

_COLUMNS = 5  # of adapter cards, one less below a width of _WIDE pixels
_WIDE = 860
ROWS_MISSING = {
    "conversation": "Your data has no questions with answers.",
    "preference": "Your data has no chosen and rejected answers.",
    "feedback": "Your data has no good or bad marks.",
    "text": "Your data is not plain text.",
}


class _Cards(QWidget):
    """A heading above a group of cards; `chosen(kind)`."""

    chosen = Signal(str)

    def __init__(self, title: str, term: str, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.heading = QHBoxLayout()
        self.heading.addWidget(TermLabel(self.tr(title), term, "heading"), 1)
        layout.addLayout(self.heading)
        self.group = ChoiceGroup(columns, self.tr(title))
        layout.addWidget(self.group)


class TaskCards(_Cards):
    """One card for each family of methods; `chosen` carries the family's first method."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            QT_TRANSLATE_NOOP("TaskCards", "What should it learn?"), "task", len(FAMILIES), parent
        )
        for family in FAMILIES.values():
            self.group.add(family.kind, ChoiceCard(family.title, family.subtitle, family.help))
        self.group.changed.connect(lambda family: self.chosen.emit(_first_method(family)))

    def fill(self, job: Job, rows_kind: str) -> None:
        """Follow the draft; families that need other rows than the data has are blocked."""
        self.group.set_value(job.method_card.family)
        for family in FAMILIES:
            needs = METHODS[_first_method(family)].rows
            reason = ROWS_MISSING[needs] if rows_kind and needs != rows_kind else ""
            self.group.choice(family).set_blocked(reason)


class LossCards(_Cards):
    """The methods of the chosen family, where it has several."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            QT_TRANSLATE_NOOP("LossCards", "How are the two answers compared?"), "loss", 2, parent
        )
        self.paper = Button("", "link", "external-link")
        self.paper.clicked.connect(self._open_paper)
        self.heading.addWidget(self.paper)
        self._url = ""
        for card in METHODS.values():
            if _has_siblings(card.family):
                self.group.add(card.kind, ChoiceCard(card.title, card.subtitle, card.help))
        self.group.changed.connect(self.chosen)
        self.costs = Label("", "small", wrap=True)
        layout = self.layout()
        assert layout is not None
        layout.addWidget(self.costs)

    def fill(self, job: Job) -> None:
        """Follow the draft."""
        card = job.method_card
        self.setVisible(_has_siblings(card.family))
        for kind, other in METHODS.items():
            if _has_siblings(other.family):
                self.group.set_shown(kind, other.family == card.family)
        self.group.set_value(card.kind)
        self.paper.set_label(card.paper.title)
        self._url = card.paper.url
        self.costs.setText(f"{card.good_for} {card.costs}")

    def _open_paper(self) -> None:
        QDesktopServices.openUrl(QUrl(self._url))


class AdapterCards(_Cards):
    """The parts that may change; the rarer ones are shown on demand, and while one of them is chosen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            QT_TRANSLATE_NOOP("AdapterCards", "Which part of the model changes?"), "adapter", _COLUMNS, parent
        )
        for card in ADAPTERS.values():
            badge = self.tr("Recommended") if card.recommended else ""
            self.group.add(card.kind, ChoiceCard(card.title, card.subtitle, card.help, badge))
        self.group.changed.connect(self.chosen)
        self._is_open = False
        self.more = Button("", "link")
        self.more.clicked.connect(self._toggle)
        self.heading.addWidget(self.more)
        self.words = Label("", "small", wrap=True)
        self.paper = Button("", "link", "external-link", compact=True)
        self.paper.clicked.connect(self._open_paper)
        self._url = ""
        foot = QHBoxLayout()
        foot.addWidget(self.words, 1)
        foot.addWidget(self.paper)
        layout = self.layout()
        assert isinstance(layout, QVBoxLayout)
        layout.addLayout(foot)

    def fill(self, job: Job, blocked: Mapping[str, str]) -> None:
        """Follow the draft; `blocked` holds the reason of each card that cannot be chosen."""
        self.group.set_value(job.adapter.kind)
        for kind in ADAPTERS:
            self.group.choice(kind).set_blocked(blocked.get(kind, ""))
        card = ADAPTERS[job.adapter.kind]
        self._show_some(job.adapter.kind)
        self.words.setText(" ".join((card.good_for, card.costs, self._result(card))))
        self.paper.set_label(card.paper.title)
        self._url = card.paper.url

    def resizeEvent(self, event: QResizeEvent) -> None:
        """A narrow window has fewer cards beside each other."""
        super().resizeEvent(event)
        self.group.set_columns(_COLUMNS if event.size().width() >= _WIDE else _COLUMNS - 1)

    def _open_paper(self) -> None:
        QDesktopServices.openUrl(QUrl(self._url))

    def _toggle(self) -> None:
        self._is_open = not self._is_open
        self._show_some(self.group.value())

    def _show_some(self, chosen: str) -> None:
        is_needed = ADAPTERS[chosen].expert
        rare = [kind for kind, card in ADAPTERS.items() if card.expert]
        for kind in rare:
            self.group.set_shown(kind, self._is_open or kind == chosen)
        hidden = len(rare) - is_needed
        words = self.tr("Show fewer") if self._is_open else self.tr("Show {n} more").format(n=hidden)
        self.more.set_label(words)

    def _result(self, card: AdapterCard) -> str:
        ways = [self.tr("one complete model")] if card.can_merge else []
        ways += ["GGUF"] if card.can_gguf else []
        ways += [self.tr("the adapter alone")] if card.saves != "model" else []
        listed = self.tr("{others} or {last}").format(others=", ".join(ways[:-1]), last=ways[-1])
        return self.tr("The result can be exported as {ways}.").format(ways=listed if ways[:-1] else ways[-1])


def _first_method(family: str) -> str:
    return next(card.kind for card in METHODS.values() if card.family == family)


def _has_siblings(family: str) -> bool:
    return sum(card.family == family for card in METHODS.values()) > 1
