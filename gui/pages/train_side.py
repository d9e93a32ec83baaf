"""Beside the charts: the watched prompt before and now, and what happened."""

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QWidget

from engine.job.commands import Sample
from engine.job.events import (
    Changed,
    Continued,
    Event,
    Failed,
    Finished,
    Lost,
    Paused,
    Prepared,
    Remark,
    Saved,
    Started,
)
from engine.library.arithmetic import time_words
from gui.state.app_state import AppState
from gui.state.live_run import LiveRun
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button, IconButton
from gui.widgets.card import Card
from gui.widgets.labels import ElidedLabel, Label, Line
from gui.widgets.look import set_look
from gui.widgets.plain_text import PlainText

SHOWN_EVENTS = 60


class SampleCard(Card):
    """The newest answer to a watched prompt, and the one before training."""

    def __init__(self, state: AppState, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Live sample"), padding=16, parent=parent)
        self._state, self._run = state, run
        self._place = 0
        self.badge = Badge("", "accent")
        self.add_to_header(self.badge)
        row = QHBoxLayout()
        self.prompt = ElidedLabel("", "muted")
        self.next_button = IconButton("chevron-right", self.tr("Next watched prompt"), compact=True)
        self.next_button.clicked.connect(self._next)
        row.addWidget(self.prompt, 1)
        row.addWidget(self.next_button, 0, Qt.AlignmentFlag.AlignTop)
        self.body.addLayout(row)
        self.body.addWidget(Line())
        self.now_label = Label(self.tr("Now"), "small")
        self.now = PlainText("", self.tr("Answer now"), lines=7)
        self.before_label = Label(self.tr("Before training"), "small")
        self.before = PlainText("", self.tr("Answer before training"), lines=5)
        self.before.setProperty("tone", "muted")
        for widget in (self.now_label, self.now, self.before_label, self.before):
            self.body.addWidget(widget)
        self.body.addStretch(1)
        foot = QHBoxLayout()
        self.button = Button(self.tr("Sample now"), "secondary", "message-square", compact=True)
        self.button.clicked.connect(lambda: self._state.control(Sample()))
        foot.addWidget(self.button)
        foot.addStretch(1)
        self.body.addLayout(foot)

    def refresh(self) -> None:
        """Follow the run."""
        run = self._run
        prompts = list(dict.fromkeys(sample.prompt for sample in run.samples))
        self.next_button.setVisible(len(prompts) > 1)
        self.button.setEnabled(run.status in ("running", "paused"))
        self.button.setVisible(run.is_active)
        self.badge.setVisible(bool(prompts))
        for widget in (self.now_label, self.before_label):
            widget.setVisible(bool(prompts))
        if not prompts:
            watches = run.job is not None and bool(run.job.watch.prompts)
            text = (
                self.tr("The watched prompt is answered here.")
                if watches
                else self.tr("No prompt is watched.")
            )
            self.prompt.setText(text)
            return
        prompt = prompts[self._place % len(prompts)]
        answers = [sample for sample in run.samples if sample.prompt == prompt]
        newest = answers[-1]
        self.prompt.setText(f"“{prompt}”")
        self.badge.set(self.tr("step {step}").format(step=newest.step), "accent")
        self.now.set_text(newest.answer)
        first = next((sample for sample in answers if sample.step == 0), None)
        self.before_label.setVisible(first is not None)
        self.before.set_text(first.answer if first else "")

    def _next(self) -> None:
        self._place += 1
        self.refresh()


class EventsCard(Card):
    """What happened, newest first."""

    def __init__(self, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(self.tr("Events"), padding=16, parent=parent)
        self._run = run
        self._shown = -1
        area = QScrollArea()
        area.setWidgetResizable(True)
        area.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self._list = QWidget()
        set_look(self._list, role="scrolled")
        self._grid = QGridLayout(self._list)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(10)
        self._grid.setVerticalSpacing(6)
        self._grid.setColumnStretch(1, 1)
        area.setWidget(self._list)
        self.body.addWidget(area, 1)

    def refresh(self) -> None:
        """Follow the run; rebuilt only when something happened."""
        if len(self._run.log) == self._shown:
            return
        self._shown = len(self._run.log)
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        for row, event in enumerate(reversed(self._run.log[-SHOWN_EVENTS:])):
            when, words, tone = self._words(event)
            self._grid.addWidget(Label(when, "small"), row, 0, Qt.AlignmentFlag.AlignTop)
            label = ElidedLabel(words, "smalltext")
            label.set_tone(tone)
            self._grid.addWidget(label, row, 1)
        self._grid.setRowStretch(SHOWN_EVENTS + 1, 1)

    def _words(self, event: Event) -> tuple[str, str, str]:
        """When, what and the tone of one line."""
        step = getattr(event, "step", None)
        after = time_words(max(0.0, event.time - self._run.began)) if self._run.began else ""
        when = self.tr("step {step}").format(step=step) if step else after
        what, tone = type(event).__name__, ""
        match event:
            case Started(resumed_from=resumed):
                continued = self.tr("Continued from step {step}").format(step=resumed)
                what = continued if resumed else self.tr("Engine started")
            case Prepared(parameters=every, parameters_trained=trained):
                share = f"{100 * trained / max(1, every):.2g}"
                what = self.tr("Model loaded, {share} % learns").format(share=share)
            case Saved(is_best=is_best):
                what = self.tr("Best checkpoint so far saved") if is_best else self.tr("Checkpoint saved")
            case Paused():
                what = self.tr("Paused")
            case Continued():
                what = self.tr("Continued")
            case Changed(name="balance", value=value):
                what = self.tr("Balance between experts is now {value}").format(value=f"{value:g}")
            case Changed(name=name, value=value):
                what = self.tr("{name} is now {value}").format(name=name, value=f"{value:g}")
            case Remark():
                what, tone = event.title, "warn" if event.tone == "warn" else ""
            case Failed() | Lost():
                what, tone = event.title, "bad"
            case Finished(outcome=outcome):
                words = {"done": self.tr("Done"), "stopped": self.tr("Stopped and saved")}
                what = words.get(outcome, self.tr("Discarded"))
        return when, what, tone
