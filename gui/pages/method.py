"""Method: what should it learn, which part changes, how long and how strongly; everything else under Advanced."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QVBoxLayout, QWidget

from engine.job.adapters import ADAPTERS
from engine.job.cards import AdapterCard, MoeCard
from engine.job.clashes import adapter_problem
from engine.job.errors import EngineError
from engine.job.job import Job, with_kind
from engine.job.moe import MOE
from engine.job.words import learns_all_words
from engine.library.compression import quantization_problem
from engine.library.models import ModelInfo
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.method_advanced import AdvancedCard
from gui.pages.method_cards import AdapterCards, LossCards, TaskCards
from gui.pages.method_experts import ExpertsCard, ExportedCard
from gui.pages.method_foot import CardFoot
from gui.pages.method_simple import LEAST_WIDTH, SimpleCard
from gui.pages.method_strip import EstimateStrip
from gui.pages.page import Page
from gui.state.app_state import AppState
from gui.state.costs import Costs, choices_problem, costs_of
from gui.state.experts import (
    adapter_problem_words,
    base_of,
    export_formats,
    field_problem,
    has_experts,
    split_problems,
    with_split,
)
from gui.state.presets import load_preset, save_preset
from gui.state.words import data_words, memory_words, model_words
from gui.widgets.beside import Beside
from gui.widgets.buttons import Button
from gui.widgets.fit_scroll import FitScroll

HELP = QT_TRANSLATE_NOOP(
    "MethodPage",
    "The task follows from your data. LoRA trains a small adapter beside the model and is right for most runs. "
    "The strip below shows what your choice will need; every edit changes it at once.",
)
_SHARES = (38, 62)  # of the width, for the experts and the simple choices
_EXPERTS_WIDTH = 350  # pixels that the experts' card wants where it stands beside another


class MethodPage(Page):
    """Wires cards, simple choices, the generated form and the estimate to the draft."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state, QT_TRANSLATE_NOOP("MethodPage", "Method"), "", HELP)
        self._add_buttons()
        self.tasks = TaskCards()
        self.losses = LossCards()
        self.adapters = AdapterCards()
        self.experts = ExpertsCard(state)
        self.experts_foot = CardFoot()
        self.simple = SimpleCard(state)
        self.exported = ExportedCard()
        self.pair = Beside(self.experts, self._simple_column(), _SHARES, (_EXPERTS_WIDTH, LEAST_WIDTH))
        self.advanced = AdvancedCard(state.draft, self._refusal, lambda: has_experts(state.draft.job))
        self.strip = EstimateStrip()
        self.area = self._scrolled()
        self.body.addWidget(self.area, 1)
        self.body.addWidget(self.strip)
        self._connect()

    def entered(self) -> None:
        """Follow the draft and its data."""
        self.state.inspection.show()
        self.state.assembling.look(self.state.draft.job, again=True)
        self._refresh()

    def left(self) -> None:
        """Nothing new is read while another page is open."""
        self.state.inspection.hide()

    def _add_buttons(self) -> None:
        self.load_button = Button(self.tr("Load preset…"), "secondary", "folder-open")
        self.save_button = Button(self.tr("Save preset…"), "secondary", "save")
        self.header.add_button(self.load_button)
        self.header.add_button(self.save_button)
        self.load_button.clicked.connect(self._load)
        self.save_button.clicked.connect(self._save)

    def _scrolled(self) -> FitScroll:
        inner = QWidget()
        layout = QVBoxLayout(inner)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        for widget in (
            self.tasks,
            self.losses,
            self.adapters,
            self.pair,
            self.experts_foot,
            self.advanced,
        ):
            layout.addWidget(widget)
        layout.addStretch(1)
        return FitScroll(inner)

    def _simple_column(self) -> QWidget:
        column = QWidget()
        layout = QVBoxLayout(column)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        layout.addWidget(self.simple, 1)
        layout.addWidget(self.exported)
        return column

    def _connect(self) -> None:
        state = self.state
        self.tasks.chosen.connect(self._choose_method)
        self.losses.chosen.connect(self._choose_method)
        self.adapters.chosen.connect(lambda kind: state.draft.set_kind("adapter", kind))
        self.experts.chosen.connect(lambda kind: state.draft.replace(with_split(state.draft.job, kind)))
        self.strip.next_asked.connect(lambda: state.navigate.emit("train"))
        state.draft.changed.connect(self._refresh)
        state.inspection.changed.connect(self._refresh)
        state.assembling.changed.connect(self._refresh)
        state.machine.changed.connect(self._refresh_costs)

    def _choose_method(self, kind: str) -> None:
        if kind != self.state.draft.job.method.kind:
            self.state.draft.set_kind("method", kind)

    def _refresh(self) -> None:
        if not self.is_in_view:
            return
        job = self.state.draft.job
        found = self.state.inspection.inspected
        rows = f", {found.rows} rows" if found else ""
        learns = self.tr("{model} learns from {data}{rows}.")
        subtitle = learns.format(model=model_words(job), data=data_words(job), rows=rows)
        self.header.set_subtitle(subtitle if job.data else self.tr("How the model will learn."))
        self.tasks.fill(job, found.rows_kind if found else "")
        self.losses.fill(job)
        self.advanced.refresh()
        self._refresh_costs()

    def _refresh_costs(self) -> None:
        if not self.is_in_view:
            return
        job, machine, rows = self.state.draft.job, self.state.machine.now, self.state.inspection.stats
        costs = costs_of(job, machine, rows)
        full = costs_of(with_kind(job, "adapter", "full"), machine, rows)
        base = base_of(job)
        self.adapters.fill(job, self._blocked(full, base), export_formats(job, base))
        self.experts.fill(job, base, split_problems(job, base, machine, rows))
        self.pair.set_apart(job.moe.kind == "assemble")
        self._fill_experts_foot(MOE[job.moe.kind])
        self.simple.fill(job, costs)
        self.exported.fill(job, base)
        self.strip.fill(costs, choices_problem(job))

    def _fill_experts_foot(self, card: MoeCard) -> None:
        self.experts_foot.setVisible(card.paper is not None)
        if card.paper is not None:
            told = [(self.tr("Good for"), card.good_for), (self.tr("Costs"), card.costs)]
            self.experts_foot.fill(card.paper, told)

    def _blocked(self, full: Costs | None, base: ModelInfo | None) -> dict[str, str]:
        job = self.state.draft.job
        problems = {
            kind: self._problem(job, card) or adapter_problem_words(job, kind, base)
            for kind, card in ADAPTERS.items()
        }
        blocked = {kind: words for kind, words in problems.items() if words}
        if full is not None and not full.estimate.fits:
            blocked["full"] = memory_words(full.estimate.total, full.estimate.free)
        return blocked

    def _problem(self, job: Job, card: AdapterCard) -> str:
        """Why a card does not go with the draft, in a few words."""
        if not adapter_problem(job, card)[0]:
            return ""
        if job.model.quantization != "none" and not card.can_quantize:
            return self.tr("Not with compressed weights.")
        if learns_all_words(job):
            return self.tr("Leaves the model's words alone.")
        return self.tr("Cannot learn new tokens.")

    def _refusal(self, key: str, value: object) -> str:
        """Why this computer, or the experts, cannot do what a field asks for."""
        job = self.state.draft.job
        if key == "model.quantization" and value != "none":
            words = quantization_problem(self.state.machine.now)
            return words or field_problem(job, key, value, base_of(job))
        return field_problem(job, key, value, base_of(job))

    def _load(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, self.tr("Load a preset"), "", "TOML (*.toml)")
        if not name:
            return
        try:
            self.state.draft.replace(load_preset(self.state.draft.job, Path(name)))
        except EngineError as error:
            self.state.notice.emit("error", error.title, error.advice)

    def _save(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Save as preset"), "preset.toml", "TOML (*.toml)")
        if not name:
            return
        try:
            save_preset(self.state.draft.job, Path(name))
        except EngineError as error:
            self.state.notice.emit("error", error.title, error.advice)
            return
        self.state.notice.emit("success", self.tr("Saved {name}.").format(name=Path(name).name), "")
