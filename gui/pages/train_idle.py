"""Train before a run: what will be done, what it will cost, what is still missing, Start."""

from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QLineEdit, QVBoxLayout, QWidget

from engine.job.job import Job
from gui.state.app_state import AppState
from gui.state.costs import Costs, choices_problem, costs_of
from gui.state.experts import base_of, own_experts_words
from gui.state.words import (
    capital,
    data_words,
    how_words,
    model_words,
    part_words,
    rate_words,
    size_words,
    span_words,
    split_words,
)
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.icon_label import IconLabel
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import Label, Line
from gui.widgets.memory_bar import MemoryBar


class TrainIdle(QWidget):
    """`start_asked` from the one primary button, whose label says what is missing."""

    start_asked = Signal()

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state
        outer = QHBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(14)
        outer.addWidget(self._summary(), 60)
        side = QVBoxLayout()
        side.setSpacing(14)
        side.addWidget(self._checklist())
        side.addWidget(self._costs())
        side.addStretch(1)
        outer.addLayout(side, 40)
        state.draft.changed.connect(self.refresh)
        state.assembling.changed.connect(self.refresh)

    def refresh(self) -> None:
        """Follow the draft."""
        if not self.isVisibleTo(self.window()):
            return
        job = self.state.draft.job
        missing = self.state.what_is_missing()
        self.facts.set_pairs(self._pairs(job))
        if not self.name.hasFocus():
            self.name.setText(job.name)
        self.name.setPlaceholderText(data_words(job) or self.tr("A name for this run"))
        self._refresh_checks(job, missing)
        self._refresh_costs(costs_of(job, self.state.machine.now, self.state.inspection.stats))
        is_queued = self.state.run is not None and self.state.run.is_active
        self.start_button.set_label(
            self.tr("Start when the present run ends") if is_queued else self.start_words
        )
        self.start_button.set_blocked(missing)

    def _summary(self) -> Card:
        card = Card(self.tr("This run"), padding=20)
        self.name = QLineEdit()
        self.name.setAccessibleName(self.tr("Name of the run"))
        self.name.editingFinished.connect(lambda: self.state.draft.set_name(self.name.text().strip()))
        card.body.addWidget(Label(self.tr("Name"), "small"))
        card.body.addWidget(self.name)
        card.body.addWidget(Line())
        self.facts = KeyValues(2, [])
        card.body.addWidget(self.facts)
        card.body.addStretch(1)
        self.start_words = self.tr("Start training")
        self.start_button = Button(self.start_words, "primary", "play")
        self.start_button.setDefault(True)
        self.start_button.clicked.connect(self.start_asked)
        hint = Label(
            self.tr("Ctrl+Enter starts. You can pause, stop and keep what was learned at any time."), "small"
        )
        card.body.addWidget(hint)
        card.body.addWidget(self.start_button)
        return card

    def _checklist(self) -> Card:
        card = Card(self.tr("Ready?"), padding=20)
        self.checks: dict[str, tuple[IconLabel, Label, Button]] = {}
        for page, words in (
            ("model", self.tr("Model")),
            ("data", self.tr("Data")),
            ("method", self.tr("Method")),
        ):
            row = QHBoxLayout()
            row.setSpacing(10)
            icon, label = IconLabel("circle", "muted", 18), Label(words, wrap=True)
            button = Button(self.tr("Change"), "secondary", compact=True)
            button.setAccessibleName(f"{self.tr('Change')}: {words}")
            button.clicked.connect(lambda _checked=False, page=page: self.state.navigate.emit(page))
            row.addWidget(icon)
            row.addWidget(label, 1)
            row.addWidget(button)
            card.body.addLayout(row)
            self.checks[page] = (icon, label, button)
        return card

    def _costs(self) -> Card:
        card = Card(self.tr("What it will cost"), padding=20)
        self.memory = MemoryBar()
        self.cost_words = Label("", "muted", wrap=True)
        card.body.addWidget(self.memory)
        card.body.addWidget(self.cost_words)
        return card

    def _pairs(self, job: Job) -> list[tuple[str, str]]:
        how_long = f"{job.train.steps} steps" if job.train.steps else f"{job.train.epochs:g} epochs"
        return [
            (self.tr("Model"), model_words(job)),
            (self.tr("Data"), data_words(job) or self.tr("none yet")),
            (self.tr("Task"), f"{job.method_card.title} ({job.method_card.subtitle})"),
            (self.tr("Part that changes"), part_words(job)),
            *self._experts(job),
            (self.tr("How long"), how_long),
            (self.tr("How strongly (learning rate)"), rate_words(job.train.learning_rate)),
            (self.tr("Rows per correction (batch size)"), str(job.train.batch_size)),
            (self.tr("Kept back for checking"), f"{job.rows.validation:.0%}".replace("%", " %")),
        ]

    def _experts(self, job: Job) -> list[tuple[str, str]]:
        """How the model is split into experts; nothing for one that has none."""
        words = split_words(job) or own_experts_words(base_of(job))
        return [(self.tr("Split into experts"), capital(words))] if words else []

    def _refresh_checks(self, job: Job, missing: str) -> None:
        has_data = bool(job.data) and all(Path(source.path).exists() for source in job.data)
        model_words_now = model_words(job)
        trouble = choices_problem(job) or self.state.assembling.refusal_of(job)[0]
        is_model_good = not missing or not has_data or bool(trouble)
        texts = {
            "model": (is_model_good, model_words_now if is_model_good else missing),
            "data": (has_data, data_words(job) if has_data else missing),
            "method": (not trouble, trouble or f"{job.method_card.subtitle}, {how_words(job)}"),
        }
        for page, (is_good, text) in texts.items():
            icon, label, _ = self.checks[page]
            icon.set_icon("circle-check" if is_good else "circle-alert", "good" if is_good else "warn")
            label.setText(text)

    def _refresh_costs(self, costs: Costs | None) -> None:
        self.memory.setVisible(costs is not None)
        if costs is None:
            self.cost_words.setText(self.tr("Choose a model and data first."))
            return
        found = costs.estimate
        self.memory.set_parts(found.weights, found.adapter, found.activations, found.working, found.free)
        parts = [
            self.tr("{need} of {free} free memory").format(
                need=size_words(found.total), free=size_words(found.free)
            ),
            span_words(costs.seconds),
            self.tr("{disk} on disk").format(disk=size_words(found.disk)),
        ]
        self.cost_words.setText(", ".join(part for part in parts if part) + ".")
