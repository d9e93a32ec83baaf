"""A run that failed: what happened, why, what is safe, one remedy, details."""

from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from engine.job.channel import LOG_FILE
from engine.job.events import Failed, Lost
from engine.library.runs import checkpoints_of
from gui.state.app_state import AppState
from gui.state.live_run import LiveRun
from gui.state.report import report_text
from gui.widgets.buttons import Button
from gui.widgets.card import Card, Note
from gui.widgets.icon_label import IconLabel
from gui.widgets.labels import Label
from gui.widgets.plain_text import PlainText

LOG_BYTES = 4000


class FailureCard(Card):
    """Shown when the run's `failure` is set; its one remedy is to continue from the last checkpoint."""

    def __init__(self, state: AppState, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(padding=18, parent=parent)
        self._state, self._run = state, run
        self.set_tone("bad")
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(IconLabel("circle-alert", "bad", 22))
        words = QVBoxLayout()
        words.setSpacing(6)
        self.title = Label("", "heading", wrap=True)
        self.advice = Label("", "muted", wrap=True)
        words.addWidget(self.title)
        words.addWidget(self.advice)
        words.addLayout(self._safe_line())
        words.addWidget(self._remedy())
        words.addLayout(self._buttons())
        self.details = PlainText("", self.tr("Details"), lines=10)
        self.details.hide()
        words.addWidget(self.details)
        row.addLayout(words, 1)
        self.body.addLayout(row)

    def refresh(self) -> None:
        """Follow the run."""
        failure = self._run.failure
        if failure is None:
            return
        self.title.setText(failure.title)
        self.advice.setText(failure.advice)
        step = self._saved_step()
        has_saved = step is not None
        text = self.tr("Nothing is lost: everything up to step {step} is saved.").format(step=step)
        self.safe.setText(text if has_saved else self.tr("No checkpoint was written before this happened."))
        self.safe_icon.set_icon("shield-check" if has_saved else "info", "good" if has_saved else "muted")
        self.remedy.setText(
            self.tr("Continue from the last checkpoint") if has_saved else self.tr("Start this run again")
        )
        self.remedy_words.setText(
            self.tr("The run goes on where it was saved, with the same settings.")
            if has_saved
            else self.tr("It begins from the first step, with the same settings.")
        )
        self.continue_button.set_label(
            self.tr("Continue from step {step}").format(step=step) if has_saved else self.tr("Start again")
        )
        self.keep_button.setVisible(has_saved)
        self.keep_button.set_label(self.tr("Compare what step {step} learned").format(step=step))

    def _saved_step(self) -> int | None:
        failure = self._run.failure
        if isinstance(failure, Lost) and failure.checkpoint_step is not None:
            return failure.checkpoint_step
        steps = [int(path.name.removeprefix("step-")) for path in checkpoints_of(self._run.folder)]
        return max(steps, default=None)

    def _safe_line(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.safe_icon = IconLabel("shield-check", "good", 16)
        self.safe = Label("", "strong", wrap=True)
        row.addWidget(self.safe_icon)
        row.addWidget(self.safe, 1)
        return row

    def _remedy(self) -> Note:
        note = Note(tinted=True)
        row = QHBoxLayout()
        words = QVBoxLayout()
        words.setSpacing(1)
        self.remedy = Label("", "strong")
        self.remedy_words = Label("", "smalltext", wrap=True)
        words.addWidget(self.remedy)
        words.addWidget(self.remedy_words)
        row.addLayout(words, 1)
        self.continue_button = Button("", "primary", "play")
        self.continue_button.clicked.connect(lambda: self._state.resume_run(self._run.folder))
        row.addWidget(self.continue_button)
        note.body.addLayout(row)
        return note

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        change = Button(self.tr("Change the method…"), "secondary", compact=True)
        change.clicked.connect(self._change)
        self.keep_button = Button("", "secondary", compact=True)
        self.keep_button.clicked.connect(lambda: self._state.navigate.emit("compare"))
        details = Button(self.tr("Details"), "secondary", "chevron-down", compact=True)
        details.clicked.connect(self._toggle_details)
        report = Button(self.tr("Copy report"), "secondary", "copy", compact=True)
        report.clicked.connect(self._copy)
        row.addWidget(change)
        row.addWidget(self.keep_button)
        row.addStretch(1)
        row.addWidget(details)
        row.addWidget(report)
        return row

    def _change(self) -> None:
        if self._run.job is not None:
            self._state.draft.replace(self._run.job)
        self._state.navigate.emit("method")

    def _toggle_details(self) -> None:
        failure = self._run.failure
        detail = failure.detail if isinstance(failure, Failed) else ""
        try:
            log = (self._run.folder / LOG_FILE).read_bytes()[-LOG_BYTES:].decode("utf-8", "replace")
        except OSError:
            log = ""
        self.details.set_text(detail or log or self.tr("The log is empty."))
        self.details.setVisible(not self.details.isVisible())

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(report_text(self._state))
        self._state.notice.emit("success", self.tr("The report is in the clipboard."), "")
