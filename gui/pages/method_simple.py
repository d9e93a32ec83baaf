"""The three choices that most people make: how long, how strongly, how long a row may be."""

import dataclasses

from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.job.adapters import ADAPTERS
from engine.job.job import Job
from engine.job.rates import usual_rate
from gui.state.app_state import AppState
from gui.state.costs import Costs, costs_of, room_of
from gui.state.words import rate_words, span_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.labels import Label, Line, TermLabel
from gui.widgets.segmented import Segmented
from gui.widgets.slider import ValueSlider

EPOCHS = {"quick": 1.0, "standard": 3.0, "thorough": 6.0}
OWN = "own"
LONGEST = 32768
LEAST_WIDTH = 600  # pixels that the card wants where it stands beside another
_SLIDER, _NARROW_SLIDER, _NARROW = (
    360,
    270,
    760,
)  # pixels of a slider, and of a card that has no room for a long one
_SPACE = 12  # pixels between the parts of a row
_GENTLER, _STRONGER = 100, 50  # how far the slider goes to either side of the adapter's own learning rate


class SimpleCard(Card):
    """Every choice is an edit of the draft."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=18)
        self._state = state
        names = {"quick": self.tr("Quick"), "standard": self.tr("Standard"), "thorough": self.tr("Thorough")}
        self._names = names
        self.length = Segmented(list(names.items()), "", self.tr("How long"))
        self.length.changed.connect(self._choose_length)
        self._length_label = self._add_row(self.tr("How long"), self.tr("epochs"), self.length)
        self.body.addWidget(Line())
        self.rate = ValueSlider(
            1e-6,
            1e-2,
            2e-4,
            self.tr("How strongly (learning rate)"),
            words=(self.tr("Gentle"), self.tr("Strong")),
            logarithmic=True,
        )
        self.rate.changed.connect(lambda value: state.draft.set_value("train.learning_rate", float(value)))
        self.usual = Button("", "link", compact=True)
        self.usual.clicked.connect(self._choose_usual)
        self._add_row(self.tr("How strongly"), self.tr("learning rate"), self.rate, self.usual)
        self.body.addWidget(Line())
        self.tokens = ValueSlider(
            16,
            2048,
            1024,
            self.tr("Longest row (max tokens)"),
            words=(self.tr("Short"), self.tr("Long")),
            logarithmic=True,
            whole=True,
        )
        self.tokens.changed.connect(lambda value: state.draft.set_value("rows.max_tokens", int(value)))
        self.cut = Label("", "smalltext", tone="warn")
        self._add_row(self.tr("Longest row"), self.tr("max tokens"), self.tokens, self.cut)
        self.body.addStretch(1)

    def fill(self, job: Job, costs: Costs | None) -> None:
        """Follow the draft."""
        self._fill_rate(job)
        longest = dataclasses.replace(job, rows=dataclasses.replace(job.rows, max_tokens=LONGEST))
        self.tokens.set_range(16, max(64, room_of(longest) if costs is not None else 2048))
        self.tokens.set_value(job.rows.max_tokens)
        found = self._state.inspection.inspected
        lengths = (*found.lengths, *found.lengths_rejected) if found else ()
        over = sum(length > room_of(job) for length in lengths)
        self.cut.setText(self.tr("{n} rows are cut").format(n=over) if over else "")
        self._fill_length(job)

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        for slider in (self.rate, self.tokens):
            slider.setFixedWidth(_NARROW_SLIDER if self.width() < _NARROW else _SLIDER)
        self._fit_length()

    def _fill_rate(self, job: Job) -> None:
        """The adapter's own rate stands near the middle of the slider, whatever its size."""
        rate, own = job.train.learning_rate, usual_rate(job.adapter.kind, job.adapter.settings)
        self.rate.set_range(min(rate, own / _GENTLER), max(rate, min(1.0, own * _STRONGER)))
        self.rate.set_value(rate)
        title = ADAPTERS[job.adapter.kind].title
        self.usual.setEnabled(rate != own)
        words = (
            self.tr("as is usual for {adapter}") if rate == own else self.tr("usual for {adapter}: {rate}")
        )
        self.usual.set_label(words.format(adapter=title, rate=rate_words(own)))

    def _choose_usual(self) -> None:
        job = self._state.draft.job
        own = usual_rate(job.adapter.kind, job.adapter.settings)
        self._state.draft.set_value("train.learning_rate", own)

    def _fill_length(self, job: Job) -> None:
        machine, rows = self._state.machine.now, self._state.inspection.stats
        options = []
        for key, epochs in EPOCHS.items():
            train = dataclasses.replace(job.train, epochs=epochs, steps=None)
            costs = costs_of(dataclasses.replace(job, train=train), machine, rows)
            took = span_words((costs.seconds[1], costs.seconds[1])) if costs and costs.seconds else ""
            options.append((key, f"{self._names[key]}, {took}" if took else self._names[key]))
        chosen = next((key for key, value in EPOCHS.items() if value == job.train.epochs), OWN)
        if job.train.steps is not None or chosen == OWN:
            chosen = OWN
            steps = self.tr("{n} steps").format(n=job.train.steps)
            epochs_words = self.tr("{n} epochs").format(n=f"{job.train.epochs:g}")
            options.append((OWN, steps if job.train.steps else epochs_words))
        self.length.set_options(options, chosen)
        self._fit_length()

    def _fit_length(self) -> None:
        """Long times take the room of the term: a choice that is cut would be worse."""
        margins = self.body.contentsMargins()
        words, term = self._length_label.label.sizeHint(), self._length_label.term.sizeHint()
        room = self.width() - margins.left() - margins.right() - 2 * _SPACE
        self._length_label.term.setVisible(
            words.width() + term.width() + self.length.sizeHint().width() <= room
        )

    def _choose_length(self, key: str) -> None:
        if key in EPOCHS:
            job = self._state.draft.job
            train = dataclasses.replace(job.train, epochs=EPOCHS[key], steps=None)
            self._state.draft.replace(dataclasses.replace(job, train=train))

    def _add_row(self, label: str, term: str, editor: QWidget, note: QWidget | None = None) -> TermLabel:
        row = QHBoxLayout()
        row.setSpacing(_SPACE)
        words = TermLabel(label, term)
        row.addWidget(words)
        if note is not None:
            row.addWidget(note)
        row.addStretch(1)
        if isinstance(editor, ValueSlider):
            editor.setFixedWidth(_NARROW_SLIDER)
        row.addWidget(editor)
        self.body.addLayout(row)
        return words
