"""The right side of Model: what the chosen model is, whether it fits, how it reads a conversation."""

from PySide6.QtCore import QUrl
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.job import with_kind
from engine.job.sections import STARTER
from engine.library.folders import starter_folder
from engine.library.models import ModelInfo
from gui.state.app_state import AppState
from gui.state.costs import costs_of
from gui.state.words import count_words, parameters_words, size_words
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button
from gui.widgets.card import Card, Note
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import ElidedLabel, Label, Line
from gui.widgets.memory_bar import MemoryBar
from gui.widgets.plain_text import PlainText

BITS = {"float32": "32-bit", "bfloat16": "16-bit", "float16": "16-bit"}
TEMPLATE_CHARACTERS = 1500


class ModelDetails(Card):
    """`show_model(info)` or `show_problem(source, title, advice)`."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=20)
        self._state = state
        self._info: ModelInfo | None = None
        top = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(1)
        self.name = ElidedLabel("", "heading")
        self.folder = ElidedLabel("", "small")
        words.addWidget(self.name)
        words.addWidget(self.folder)
        top.addLayout(words, 1)
        self.badge = Badge("", "good")
        top.addWidget(self.badge)
        self.body.addLayout(top)
        self.facts = KeyValues(3, [])
        self.body.addWidget(self.facts)
        self.fit = self._fit_part()
        self.body.addWidget(self.fit)
        self.template_part = self._template_part()
        self.body.addWidget(self.template_part)
        self.problem = Label("", "", tone="warn", wrap=True)
        self.body.addWidget(self.problem)
        self.body.addStretch(1)
        self.body.addWidget(Line())
        self.body.addLayout(self._buttons())

    def show_model(self, info: ModelInfo) -> None:
        """Show a model that was found."""
        self._info = info
        is_starter = self._state.draft.job.model.source == STARTER
        self.name.setText(self.tr("Starter") if is_starter else info.name)
        self.folder.setText(
            self.tr("Comes with Tunewright") if info.folder == starter_folder() else str(info.folder)
        )
        is_good = not info.problem
        self.badge.set(
            self.tr("Ready to train") if is_good else self.tr("Cannot be trained"),
            "good" if is_good else "bad",
        )
        self.problem.setText(f"{info.problem} {info.advice}".strip())
        self.problem.setVisible(not is_good)
        for part in (self.facts, self.fit, self.template_part):
            part.setVisible(is_good)
        if is_good:
            self.facts.set_pairs(self._pairs(info))
            self._show_fit(info)
            self._show_template(info)

    def show_problem(self, source: str, title: str, advice: str) -> None:
        """Show that the draft's model is not here."""
        self._info = None
        self.name.setText(source)
        self.folder.setText("")
        self.badge.set(self.tr("Not on this computer"), "warn")
        self.problem.setText(f"{title} {advice}")
        self.problem.show()
        for part in (self.facts, self.fit, self.template_part):
            part.hide()

    def _pairs(self, info: ModelInfo) -> list[tuple[str, str]]:
        precision = BITS.get(info.dtype, info.dtype)
        experts = [
            (self.tr("Experts"), self.tr("{n}, {k} for each token").format(n=info.experts, k=info.top_k)),
            (self.tr("Parameters for each token"), parameters_words(info.active)),
        ]
        return [
            (self.tr("Parameters"), parameters_words(info.parameters)),
            (self.tr("Size on disk"), f"{size_words(info.bytes)}, {precision}"),
            (self.tr("Licence"), info.licence or self.tr("unknown")),
            (self.tr("Longest text (context length)"), f"{count_words(info.context)} tokens"),
            (self.tr("Layers"), self.tr("{n}, each {w} wide").format(n=info.layers, w=info.hidden)),
            (self.tr("Vocabulary"), f"{count_words(info.vocab)} tokens"),
            *(experts if info.experts else []),
        ]

    def _fit_part(self) -> QWidget:
        part, layout = _part()
        row = QHBoxLayout()
        row.addWidget(Label(self.tr("Will it fit in memory?"), "heading"), 1)
        self.fit_badge = Badge("", "good")
        row.addWidget(self.fit_badge)
        layout.addLayout(row)
        self.memory = MemoryBar()
        layout.addWidget(self.memory)
        note = Note()
        self.sum_words = Label("", "strong", wrap=True)
        note.body.addWidget(self.sum_words)
        layout.addWidget(note)
        return part

    def _template_part(self) -> QWidget:
        part, layout = _part()
        row = QHBoxLayout()
        row.addWidget(ElidedLabel(self.tr("How it reads a conversation (chat template)"), "heading"), 1)
        self.template_badge = Badge("", "good")
        row.addWidget(self.template_badge)
        layout.addLayout(row)
        note = Note()
        self.template = PlainText("", self.tr("Chat template"), lines=6)
        note.body.addWidget(self.template)
        layout.addWidget(note)
        return part

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.open_button = Button(self.tr("Open folder"), "secondary", "folder-open", compact=True)
        self.open_button.clicked.connect(self._open_folder)
        self.try_button = Button(self.tr("Try it in Compare"), "secondary", "columns-2", compact=True)
        self.try_button.clicked.connect(self._try)
        row.addWidget(self.open_button)
        row.addWidget(self.try_button)
        row.addStretch(1)
        return row

    def _show_fit(self, info: ModelInfo) -> None:
        job = self._state.draft.job
        machine, rows = self._state.machine.now, self._state.inspection.stats
        # Where it cannot be split as the draft has it, which Method says, at least what it takes as it is.
        costs = costs_of(job, machine, rows, info) or costs_of(
            with_kind(job, "moe", "none"), machine, rows, info
        )
        self.fit.setVisible(costs is not None)
        if costs is None:
            return
        found = costs.estimate
        need, free = size_words(found.total), size_words(found.free)
        words = (
            self.tr("Fits: {need} of {free} free")
            if found.fits
            else self.tr("Too large: {need} of {free} free")
        )
        self.fit_badge.set(words.format(need=need, free=free), "good" if found.fits else "bad")
        self.memory.set_parts(found.weights, found.adapter, found.activations, found.working, found.free)
        self.sum_words.setText(found.arithmetic)

    def _show_template(self, info: ModelInfo) -> None:
        has_template = bool(info.template)
        own, default = self.tr("Its own template"), self.tr("A default template")
        self.template_badge.set(own if has_template else default, "good" if has_template else "neutral")
        default_words = self.tr(
            "A base model without a chat template. Question and answer are written plainly."
        )
        self.template.set_text(info.template[:TEMPLATE_CHARACTERS] if has_template else default_words)

    def _open_folder(self) -> None:
        if self._info is not None:
            QDesktopServices.openUrl(QUrl.fromLocalFile(str(self._info.folder)))

    def _try(self) -> None:
        if self._info is not None:
            self._state.try_asked.emit(self._state.draft.job.model.source)


def _part() -> tuple[QWidget, QVBoxLayout]:
    part = QWidget()
    layout = QVBoxLayout(part)
    layout.setContentsMargins(0, 0, 0, 0)
    layout.setSpacing(10)
    layout.addWidget(Line())
    return part, layout
