"""The cards of the Method page: the task, the preference loss, the part that changes."""

from collections.abc import Collection, Mapping

from PySide6.QtCore import Signal
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.adapters import ADAPTERS
from engine.job.cards import AdapterCard, MethodCard
from engine.job.job import Job
from engine.job.methods import FAMILIES, METHODS
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.method_foot import CardFoot
from gui.widgets.buttons import Button
from gui.widgets.choice_card import ChoiceCard
from gui.widgets.choice_group import ChoiceGroup
from gui.widgets.labels import TermLabel

_WIDE = 860  # pixels; below it a row has one card less
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
        self._columns = columns
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self.heading = QHBoxLayout()
        self.heading.addWidget(TermLabel(self.tr(title), term, "heading"), 1)
        layout.addLayout(self.heading)
        self.group = ChoiceGroup(columns, self.tr(title))
        layout.addWidget(self.group)
        self.foot = CardFoot()
        layout.addWidget(self.foot)


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
        card = job.method_card
        self.group.set_value(card.family)
        self.foot.setVisible(not _has_siblings(card.family))  # else it stands below the losses
        self.foot.fill(card.paper, [(self.tr("Good for"), card.good_for), (self.tr("Costs"), card.costs)])
        for family in FAMILIES:
            needs = METHODS[_first_method(family)].rows
            reason = ROWS_MISSING[needs] if rows_kind and needs != rows_kind else ""
            self.group.choice(family).set_blocked(reason)


class _RareCards(_Cards):
    """Cards of which the rarer ones are shown on demand, and while one of them is chosen; a line tells the rest."""

    def __init__(self, title: str, term: str, columns: int, parent: QWidget | None = None) -> None:
        super().__init__(title, term, columns, parent)
        self._is_open = False
        self.group.changed.connect(self.chosen)
        self.more = Button("", "link")
        self.more.clicked.connect(self._toggle)
        self.heading.addWidget(self.more)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self.group.set_columns(self._columns - (self.width() < _WIDE))

    def show_some(self, cards: Mapping[str, MethodCard] | Mapping[str, AdapterCard], chosen: str) -> None:
        """Show the usual ones of `cards`, the rare ones as asked for, and no others."""
        self._cards, self._chosen = cards, chosen
        self.group.set_value(chosen)
        for kind in self.kinds():
            is_rare = kind in cards and cards[kind].expert
            self.group.set_shown(kind, kind in cards and (not is_rare or self._is_open or kind == chosen))
        hidden = sum(card.expert for kind, card in cards.items() if kind != chosen)
        self.more.setVisible(hidden > 0)
        words = self.tr("Show fewer") if self._is_open else self.tr("Show {n} more").format(n=hidden)
        self.more.set_label(words)

    def kinds(self) -> list[str]:
        """Every kind that has a card here."""
        raise AssertionError("each group of cards says so itself")

    def _toggle(self) -> None:
        self._is_open = not self._is_open
        self.show_some(self._cards, self._chosen)


class LossCards(_RareCards):
    """The methods of the chosen family, where it has several."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(QT_TRANSLATE_NOOP("LossCards", "How does it learn from them?"), "loss", 4, parent)
        for kind in self.kinds():
            card = METHODS[kind]
            self.group.add(kind, ChoiceCard(card.title, card.subtitle, card.help))

    def kinds(self) -> list[str]:
        """The methods that have siblings."""
        return [kind for kind, card in METHODS.items() if _has_siblings(card.family)]

    def fill(self, job: Job) -> None:
        """Follow the draft."""
        card = job.method_card
        self.setVisible(_has_siblings(card.family))
        if _has_siblings(card.family):
            family = {kind: other for kind, other in METHODS.items() if other.family == card.family}
            self.show_some(family, card.kind)
            told = [(self.tr("Good for"), card.good_for), (self.tr("Costs"), card.costs)]
            self.foot.fill(card.paper, told)


class AdapterCards(_RareCards):
    """The parts that may change."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(
            QT_TRANSLATE_NOOP("AdapterCards", "Which part of the model changes?"), "adapter", 5, parent
        )
        for card in ADAPTERS.values():
            badge = self.tr("Recommended") if card.recommended else ""
            self.group.add(card.kind, ChoiceCard(card.title, card.subtitle, card.help, badge))

    def kinds(self) -> list[str]:
        """Every adapter."""
        return list(ADAPTERS)

    def fill(self, job: Job, blocked: Mapping[str, str], formats: Collection[str]) -> None:
        """Follow the draft; `blocked` holds the reason of each card that cannot be chosen, `formats` what is exported."""
        for kind in ADAPTERS:
            self.group.choice(kind).set_blocked(blocked.get(kind, ""))
        self.show_some(ADAPTERS, job.adapter.kind)
        card = ADAPTERS[job.adapter.kind]
        told = [(self.tr("Good for"), card.good_for), (self.tr("Costs"), card.costs)]
        self.foot.fill(card.paper, [*told, (self.tr("Export as"), self._result(formats))])

    def _result(self, formats: Collection[str]) -> str:
        names = {
            "merged": self.tr("one complete model"),
            "gguf": "GGUF",
            "adapter": self.tr("the adapter alone"),
        }
        ways = [words for kind, words in names.items() if kind in formats]
        listed = self.tr("{others} or {last}").format(others=", ".join(ways[:-1]), last=ways[-1])
        words = listed if ways[:-1] else ways[-1]
        return f"{words[:1].upper()}{words[1:]}."


def _first_method(family: str) -> str:
    return next(card.kind for card in METHODS.values() if card.family == family)


def _has_siblings(family: str) -> bool:
    return sum(card.family == family for card in METHODS.values()) > 1
