"""Whether the model is split into experts: the ways to do it, the main settings, and what the exported model will be."""

from collections.abc import Mapping

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.cards import MoeCard
from engine.job.job import Job
from engine.job.moe import MOE
from engine.job.moe_settings import COUNTS, AssembleSettings, KeepSettings
from engine.library.models import ModelInfo
from gui.pages.method_sources import ExpertSources
from gui.state.app_state import AppState
from gui.state.assembling import rows_of
from gui.state.experts import expert_bytes, exported, field_problem, with_expert_value
from gui.state.words import parameters_words, size_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.choice_group import ChoiceGroup
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import Label, Line, TermLabel
from gui.widgets.radio_row import RadioRow
from gui.widgets.segmented import Segmented
from gui.widgets.switch import Switch


class ExpertsCard(Card):
    """`chosen(kind)`; the settings below the choices are edits of the draft. The rarer ways are shown on demand."""

    chosen = Signal(str)

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=16)
        self._state = state
        self._is_open = False
        title = self.tr("Split into experts?")
        top = QHBoxLayout()
        top.addWidget(TermLabel(title, self.tr("mixture of experts"), "heading"), 1)
        self.more = Button("", "link", compact=True)
        self.more.clicked.connect(self._toggle)
        top.addWidget(self.more)
        self.body.addLayout(top)
        self.group = ChoiceGroup(1, title, spacing=4)
        for card in MOE.values():
            self.group.add(card.kind, RadioRow(card.title, card.help))
        self.group.changed.connect(self.chosen)
        self.body.addWidget(self.group)
        self.settings = self._settings_part()
        self.body.addWidget(self.settings)
        self.body.addStretch(1)

    def fill(self, job: Job, base: ModelInfo | None, blocked: Mapping[str, str]) -> None:
        """Follow the draft; `blocked` holds the reason of each way that cannot be chosen."""
        for kind, card in MOE.items():
            row = self.group.choice(kind)
            assert isinstance(row, RadioRow)
            row.set_sentence(self._sentence(card, job, base))
            row.set_blocked(blocked.get(kind, ""))
        self.group.set_value(job.moe.kind)
        self._show_some(job.moe.kind)
        self._fill_settings(job, base)

    def _sentence(self, card: MoeCard, job: Job, base: ModelInfo | None) -> str:
        if card.kind == "none" and base is not None and base.experts:
            words = self.tr(
                "Has {n} experts already, {k} for each token. LoRA trains them, the router stays as it is unless "
                "you say so."
            )
            return words.format(n=base.experts, k=base.top_k)
        if card.is_adapter and base is not None:
            each = self.tr("{term}, {size} each.")
            return each.format(term=card.subtitle, size=size_words(expert_bytes(job, base)))
        return f"{card.subtitle}. {card.help}"

    def _show_some(self, chosen: str) -> None:
        for kind, card in MOE.items():
            self.group.set_shown(kind, not card.expert or self._is_open or kind == chosen)
        hidden = sum(card.expert for kind, card in MOE.items() if kind != chosen)
        self.more.setVisible(hidden > 0)
        fewer, more = self.tr("Show fewer"), self.tr("Show {n} more").format(n=hidden)
        self.more.set_label(fewer if self._is_open else more)

    def _toggle(self) -> None:
        self._is_open = not self._is_open
        self._show_some(self.group.value())

    # The main settings of the chosen way

    def _settings_part(self) -> QWidget:
        part = QWidget()
        layout = QVBoxLayout(part)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        layout.addWidget(Line())
        self.sources = ExpertSources(self._state)
        layout.addWidget(self.sources)
        self.count = Segmented(_numbers(COUNTS), "", self.tr("Experts in each layer"))
        self.count_row = _row(layout, self.tr("Experts"), self.tr("in each layer"), self.count)
        self.each = Segmented(_numbers(COUNTS), "", self.tr("Experts for each token"))
        self.each_row = _row(layout, self.tr("For each token"), self.tr("top k"), self.each)
        self.router = Switch(self.tr("Train the router"))
        self.router_row = _row(layout, self.tr("Train the router"), self.tr("train router"), self.router)
        self.problem = Label("", "smalltext", tone="warn", wrap=True)
        layout.addWidget(self.problem)
        self.count.changed.connect(lambda value: self._set("experts", int(value)))
        self.each.changed.connect(lambda value: self._set("top_k", int(value)))
        self.router.toggled.connect(lambda is_on: self._set("train_router", is_on))
        return part

    def _fill_settings(self, job: Job, base: ModelInfo | None) -> None:
        settings = job.moe.settings
        is_kept, is_assembled = isinstance(settings, KeepSettings), isinstance(settings, AssembleSettings)
        has_experts = base is not None and base.experts > 0
        self.settings.setVisible(not is_kept or has_experts)
        self.sources.setVisible(is_assembled)
        self.count_row.setVisible(not is_kept and not is_assembled)
        self.each_row.setVisible(not is_kept)
        self.router_row.setVisible(is_kept)
        if is_kept:
            self._fill_router(job, base)
            return
        if is_assembled:
            self.sources.fill()
        count = len(rows_of(job)) if is_assembled else settings.experts
        _offer(self.count, [], count)
        each = [n for n in COUNTS if n <= count]
        _offer(self.each, each, settings.top_k)
        self.each_row.setVisible(each != [settings.top_k])  # of two experts there is nothing to choose
        self._say(field_problem(job, "moe.top_k", settings.top_k, base))

    def _fill_router(self, job: Job, base: ModelInfo | None) -> None:
        is_on = job.moe.settings.train_router
        why = field_problem(job, "moe.train_router", True, base)
        self.router.blockSignals(True)
        self.router.setChecked(is_on)
        self.router.blockSignals(False)
        self.router.setEnabled(is_on or not why)
        self._say(why)

    def _say(self, words: str) -> None:
        self.problem.setText(words)
        self.problem.setVisible(bool(words))

    def _set(self, name: str, value: object) -> None:
        draft = self._state.draft
        draft.replace(with_expert_value(draft.job, name, value))


class ExportedCard(Card):
    """What the exported model will be, shown before anything is trained; not there for a model that is not split."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=16)
        self.body.addWidget(
            TermLabel(self.tr("The exported model"), self.tr("as one complete model"), "strong")
        )
        self.facts = KeyValues(4)
        self.body.addWidget(self.facts)
        self.caveat = Label("", "smalltext", tone="warn", wrap=True)
        self.body.addWidget(self.caveat)

    def fill(self, job: Job, base: ModelInfo | None) -> None:
        """Follow the draft."""
        size = exported(job, base) if base is not None else None
        self.setVisible(size is not None)
        if size is not None:
            self.caveat.setText(size.caveat)
            self.caveat.setVisible(bool(size.caveat))
            self.facts.set_pairs(
                [
                    (self.tr("Parameters"), parameters_words(size.parameters)),
                    (self.tr("For each token"), parameters_words(size.active)),
                    (self.tr("Size on disk"), size_words(size.file_bytes)),
                    (self.tr("Memory to use it"), size_words(size.memory_bytes)),
                ]
            )


def _numbers(counts: tuple[int, ...] | list[int]) -> list[tuple[str, str]]:
    return [(str(count), str(count)) for count in counts]


def _offer(choice: Segmented, counts: list[int], value: int) -> None:
    """Offer these counts (all usual ones for none), and the present value if it is another."""
    options = _numbers(sorted({*(counts or COUNTS), value}))
    if choice.options() != options:
        choice.set_options(options, str(value))
    elif choice.value() != str(value):
        choice.set_value(str(value))


def _row(layout: QVBoxLayout, label: str, term: str, editor: QWidget) -> QWidget:
    widget = QWidget()
    row = QHBoxLayout(widget)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(12)
    row.addWidget(TermLabel(label, term), 1)
    row.addWidget(editor)
    layout.addWidget(widget)
    return widget
