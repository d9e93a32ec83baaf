"""How far a run is: the phases before the first step, then steps, epochs and time."""

from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.library.arithmetic import time_words
from gui.state.live_run import LiveRun
from gui.state.words import count_words
from gui.widgets.card import Card
from gui.widgets.labels import Label
from gui.widgets.phase_list import PhaseList
from gui.widgets.progress import Progress

PHASES = ("engine", "model", "rows", "first-step")


class ProgressCard(Card):
    """Phases tick until the first step; then the bar."""

    def __init__(self, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(padding=16, parent=parent)
        self._run = run
        words = {
            "engine": self.tr("Starting the engine"),
            "model": self.tr("Loading the model"),
            "rows": self.tr("Reading the rows"),
            "first-step": self.tr("First step"),
        }
        self.phases = PhaseList([(key, words[key]) for key in PHASES])
        self.body.addWidget(self.phases)
        row = QHBoxLayout()
        row.setSpacing(14)
        self.steps = Label("", "heading")
        self.epoch = Label("", "muted")
        self.so_far = Label("", "muted")
        self.left = Label("", "heading")
        for label in (self.steps, self.epoch):
            row.addWidget(label)
        row.addStretch(1)
        for label in (self.so_far, self.left):
            row.addWidget(label)
        self.line = QWidget()
        self.line.setLayout(row)
        row.setContentsMargins(0, 0, 0, 0)
        self.body.addWidget(self.line)
        self.bar = Progress(8, "accent", self.tr("Training progress"))
        self.body.addWidget(self.bar)
        self._clock = QTimer(self)
        self._clock.setInterval(500)
        self._clock.timeout.connect(self._tick)
        self._clock.start()

    def refresh(self) -> None:
        """Follow the run."""
        run = self._run
        step = run.last_step
        self.phases.setVisible(step is None)
        self.line.setVisible(step is not None)
        self._show_phases()
        if step is None:
            self._show_early_progress()
            return
        self.steps.setText(
            self.tr("Step {step} of {steps}").format(
                step=count_words(step.step), steps=count_words(step.steps)
            )
        )
        self.epoch.setText(self._epoch_words(step.epoch))
        self.bar.set_busy(False)
        self.bar.set_fraction(run.share_done)
        self.bar.set_tone("bad" if run.failure else "accent")
        took = time_words(run.seconds_so_far)
        remaining = run.seconds_left
        self.so_far.setText(self.tr("{time} so far").format(time=took) if run.is_active else "")
        if not run.is_active:
            self.left.setText(took)
        elif run.status == "paused":
            self.left.setText(self.tr("paused"))
        elif remaining is not None:
            self.left.setText(self.tr("about {time} left").format(time=time_words(remaining)))
        else:
            self.left.setText("")

    def _epoch_words(self, epoch: float) -> str:
        if self._run.failure is not None:
            return self.tr("stopped")
        job = self._run.job
        total = job.train.epochs if job and not job.train.steps else None
        if total is None:
            return self.tr("Epoch {epoch}").format(epoch=f"{epoch:.1f}")
        return self.tr("Epoch {epoch} of {total}").format(epoch=f"{epoch:.1f}", total=f"{total:g}")

    def _show_phases(self) -> None:
        run = self._run
        reached = [phase.name for phase in run.phases]
        for key in PHASES:
            found = next((phase for phase in run.phases if phase.name == key), None)
            if found is None:
                waits_for_engine = key == "engine" and not reached and run.is_active
                self.phases.set_phase(key, "active" if waits_for_engine else "waiting")
            elif found.seconds is not None:
                self.phases.set_phase(key, "done", found.seconds)
            else:
                self.phases.set_phase(key, "failed" if run.failure else "active")

    def _show_early_progress(self) -> None:
        progress = self._run.progress
        if progress is not None and progress.total:
            self.bar.set_busy(False)
            self.bar.set_fraction(progress.done / progress.total)
        elif self._run.is_active:
            self.bar.set_busy(True)
        else:
            self.bar.set_fraction(0.0)

    def _tick(self) -> None:
        """The clock goes on between two steps."""
        if self._run.is_active and self._run.last_step is not None and self._run.status == "running":
            self.so_far.setText(self.tr("{time} so far").format(time=time_words(self._run.seconds_so_far)))
