"""Train: the draft before, the live run while, the result or the failure after."""

from PySide6.QtWidgets import QInputDialog, QMenu, QStackedWidget, QWidget

from engine.job.commands import Evaluate, Pause, Resume, Sample, Save, Set, Stop
from engine.job.errors import EngineError
from engine.library.runs import delete_run
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.page import Page
from gui.pages.train_idle import TrainIdle
from gui.pages.train_live import TrainLive
from gui.state.app_state import AppState
from gui.state.live_run import LiveRun
from gui.state.words import job_words
from gui.widgets.badge import Badge
from gui.widgets.buttons import Button, IconButton
from gui.widgets.dialogs import ConfirmDialog

HELP = QT_TRANSLATE_NOOP(
    "TrainPage",
    "The model reads your rows again and again and corrects itself a little each time. The loss says how wrong it "
    "still is: it should fall. You may pause or stop at any moment; what was learned is kept.",
)
_BADGES = {
    "waiting": ("Waiting", "neutral"),
    "starting": ("Starting", "accent"),
    "running": ("Training", "good"),
    "pausing": ("Pausing", "warn"),
    "paused": ("Paused", "warn"),
    "stopping": ("Stopping", "warn"),
    "done": ("Done", "good"),
    "stopped": ("Stopped", "warn"),
    "discarded": ("Discarded", "neutral"),
    "failed": ("Stopped by an error", "bad"),
    "lost": ("Stopped by an error", "bad"),
}


class TrainPage(Page):
    """`stack` shows the draft or the run; the header's buttons follow the run's status."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state, QT_TRANSLATE_NOOP("TrainPage", "Train"), "", HELP)
        self.run: LiveRun | None = None
        self._add_buttons()
        self.idle = TrainIdle(state)
        self.idle.start_asked.connect(self.start)
        self.stack = QStackedWidget()
        self.stack.addWidget(self.idle)
        self.live: TrainLive | None = None
        self.body.addWidget(self.stack, 1)
        state.run_changed.connect(self._take_run)
        self._take_run()

    def entered(self) -> None:
        """Before a run, Start has the focus."""
        if self.run is None:
            self.idle.refresh()
            self.idle.start_button.setFocus()

    def start(self) -> None:
        """Ctrl+Enter: start the draft; on an ended run, begin with the draft again."""
        if self.run is not None and not self.run.is_active:
            self.state.close_run()
        elif self.run is None:
            self.state.start_run()

    def stop(self) -> None:
        """Ctrl+.: ask how to stop."""
        if self.run is None or not self.run.is_active:
            return
        answers = (
            ("", self.tr("Keep training"), "secondary"),
            ("discard", self.tr("Stop and discard"), "danger"),
            ("save", self.tr("Stop and save"), "primary"),
        )
        step = self.run.last_step
        text = self.tr("Everything up to step {step} can be kept and continued later.").format(
            step=step.step if step else 0
        )
        self.stop_dialog = ConfirmDialog(self.tr("Stop training?"), text, answers, self)
        answer = self.stop_dialog.ask()
        if answer:
            self.state.control(Stop(keep=answer == "save"))

    # Header

    def _add_buttons(self) -> None:
        self.badge = Badge("", "neutral", dot=True)
        self.pause_button = Button(self.tr("Pause"), "secondary", "pause")
        self.stop_button = Button(self.tr("Stop…"), "secondary", "square")
        self.compare_button = Button(self.tr("Compare the answers"), "primary", "columns-2")
        self.new_button = Button(self.tr("New run"), "secondary", "plus")
        self.more_button = IconButton("ellipsis", self.tr("More"))
        widgets: tuple[QWidget, ...] = (
            self.badge,
            self.pause_button,
            self.stop_button,
            self.new_button,
            self.compare_button,
            self.more_button,
        )
        for widget in widgets:
            self.header.add_button(widget)
        self.pause_button.clicked.connect(self._pause_or_continue)
        self.stop_button.clicked.connect(self.stop)
        self.compare_button.clicked.connect(lambda: self.state.navigate.emit("compare"))
        self.new_button.clicked.connect(self.state.close_run)
        self.more_button.clicked.connect(self._menu)

    def _pause_or_continue(self) -> None:
        if self.run is not None:
            self.state.control(Resume() if self.run.status in ("paused", "pausing") else Pause())

    def _menu(self) -> None:
        menu = QMenu(self)
        if self.run is not None and self.run.is_active:
            menu.addAction(self.tr("Save a checkpoint now"), lambda: self.state.control(Save()))
            menu.addAction(self.tr("Check on kept-back rows now"), lambda: self.state.control(Evaluate()))
            menu.addAction(self.tr("Sample now"), lambda: self.state.control(Sample()))
            menu.addAction(self.tr("Change the learning rate…"), self._change_rate)
            if self.run.has_experts:
                menu.addAction(self.tr("Change the balance of experts…"), self._change_balance)
            menu.addSeparator()
        menu.addAction(self.tr("Rename…"), self._rename)
        if self.run is not None and not self.run.is_active:
            menu.addAction(self.tr("Delete this run"), self._delete)
        menu.exec(self.more_button.mapToGlobal(self.more_button.rect().bottomLeft()))

    def _change_rate(self) -> None:
        step = self.run.last_step if self.run else None
        now = f"{step.learning_rate:.3g}" if step else ""
        text, is_given = QInputDialog.getText(
            self,
            self.tr("Change the learning rate"),
            self.tr("New learning rate, from the next step on:"),
            text=now,
        )
        if not is_given:
            return
        try:
            rate = float(text.replace(",", "."))
        except ValueError:
            rate = 0.0
        if not 0.0 < rate <= 1.0:
            advice = self.tr("Enter a number above 0 and at most 1, such as 2e-4.")
            self.state.notice.emit("error", f"'{text}' is not a learning rate.", advice)
            return
        self.state.control(Set("learning_rate", rate))

    def _change_balance(self) -> None:
        if self.run is None:
            return
        text, is_given = QInputDialog.getText(
            self,
            self.tr("Change the balance of experts"),
            self.tr("How strongly even use counts, from 0 to 1, from the next step on:"),
            text=f"{self.run.balance_weight:g}",
        )
        if not is_given:
            return
        try:
            weight = float(text.replace(",", "."))
        except ValueError:
            weight = -1.0
        if not 0.0 <= weight <= 1.0:
            advice = self.tr("Enter a number from 0 to 1, such as 0.02; 0 lets tokens fall as they may.")
            self.state.notice.emit("error", f"'{text}' is no weight for the balance.", advice)
            return
        self.state.control(Set("balance", weight))

    def _rename(self) -> None:
        if self.run is None:
            return
        text, is_given = QInputDialog.getText(
            self, self.tr("Rename the run"), self.tr("Name:"), text=self.run.name
        )
        if is_given and text.strip():
            self.state.rename_run(self.run.folder, text.strip())

    def _delete(self) -> None:
        if self.run is None:
            return
        folder, name = self.run.folder, self.run.name
        self.state.close_run()
        try:
            delete_run(folder)
        except EngineError as error:
            self.state.notice.emit("error", error.title, error.advice)
            return
        self.state.runs_changed.emit()
        self.state.notice.emit(
            "info", f"“{name}” is in the trash.", self.tr("The Runs page can bring it back.")
        )

    # The run

    def _take_run(self) -> None:
        self.run = self.state.run
        if self.live is not None:
            self.stack.removeWidget(self.live)
            self.live.deleteLater()
            self.live = None
        if self.run is not None:
            self.live = TrainLive(self.state, self.run)
            self.stack.addWidget(self.live)
            self.stack.setCurrentWidget(self.live)
            self.run.changed.connect(self._refresh)
            self.run.ended.connect(self._focus_next)
        else:
            self.stack.setCurrentWidget(self.idle)
            self.idle.refresh()
        self._refresh()

    def _focus_next(self) -> None:
        if self.isVisible() and self.compare_button.isVisible():
            self.compare_button.setFocus()

    def _refresh(self) -> None:
        run = self.run
        is_active = run is not None and run.is_active
        has_result = run is not None and run.status in ("done", "stopped")
        self.badge.setVisible(run is not None)
        self.pause_button.setVisible(is_active)
        self.stop_button.setVisible(is_active)
        self.new_button.setVisible(run is not None and not is_active)
        self.compare_button.setVisible(has_result)
        self.more_button.setVisible(run is not None)
        if run is None:
            self.header.set_title(self.tr("Train"))
            self.header.set_subtitle(self.tr("Everything is ready to be checked and started."))
            return
        words, tone = _BADGES[run.status]
        self.badge.set(words, tone)
        is_halted = run.status in ("paused", "pausing")
        words = self.tr("Continue") if is_halted else self.tr("Pause")
        self.pause_button.set_label(words, "play" if is_halted else "pause")
        self.pause_button.setEnabled(run.status in ("running", "paused", "pausing"))
        self.stop_button.setEnabled(run.status != "stopping")
        self.header.set_title(run.name)
        self.header.set_subtitle(job_words(run.job) if run.job else str(run.folder))
