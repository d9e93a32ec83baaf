"""A run as it goes: progress, phases, figures, charts, live sample, events; at the end a summary or a failure."""

from PySide6.QtWidgets import QHBoxLayout, QStackedWidget, QVBoxLayout, QWidget

from gui.pages.train_charts import TrainCharts
from gui.pages.train_experts import ExpertsCard
from gui.pages.train_failure import FailureCard
from gui.pages.train_figures import TrainFigures
from gui.pages.train_progress import ProgressCard
from gui.pages.train_side import EventsCard, SampleCard
from gui.state.app_state import AppState
from gui.state.live_run import LiveRun
from gui.state.words import number_words
from gui.widgets.card import Card
from gui.widgets.notice import Notice, NoticeHost
from gui.widgets.segmented import Segmented

SIDE_WIDTH = 262


class TrainLive(QWidget):
    """One widget per run; it follows the run's signals until it is dropped."""

    def __init__(self, state: AppState, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.state = state
        self.run = run
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        self.end = NoticeHost()
        self.failure = FailureCard(state, run)
        self.progress = ProgressCard(run)
        self.figures = TrainFigures(run)
        self.charts = TrainCharts(run)
        self.sample = SampleCard(state, run)
        self.events = EventsCard(run)
        self.experts = ExpertsCard(state, run) if run.has_experts else None
        for widget in (self.end, self.failure, self.progress, self.figures):
            layout.addWidget(widget)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(self.charts, 1)
        if self.experts is None:
            row.addWidget(self._side())
        else:
            row.addWidget(self._side_with(self.experts), 1)
        layout.addLayout(row, 1)
        run.changed.connect(self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Follow the run."""
        run = self.run
        self.failure.setVisible(run.failure is not None)
        self.figures.setVisible(run.failure is None)
        for part in (self.failure, self.progress, self.figures, self.sample, self.events, self.experts):
            if part is not None:
                part.refresh()
        if run.status in ("done", "stopped", "discarded") and self.end.notice("end") is None:
            self._show_end()

    def _side(self) -> QWidget:
        """Sample and events below each other."""
        side = QWidget()
        side.setFixedWidth(SIDE_WIDTH)
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(12)
        column.addWidget(self.sample, 62)
        column.addWidget(self.events, 38)
        return side

    def _side_with(self, experts: ExpertsCard) -> QWidget:
        """As wide as the charts: the experts, and behind tabs what else stands at the side."""
        side = Card()
        tabs = [
            ("experts", self.tr("Experts"), experts),
            ("sample", self.tr("Live sample"), self.sample),
            ("events", self.tr("Events"), self.events),
        ]
        self.side_tabs = Segmented(
            [(key, label) for key, label, _ in tabs], "experts", self.tr("Beside the charts")
        )
        self.side_stack = QStackedWidget()
        parts = {key: card for key, _, card in tabs}
        for card in parts.values():
            card.set_bare(is_titled=card is experts)
            self.side_stack.addWidget(card)
        self.side_tabs.changed.connect(lambda key: self.side_stack.setCurrentWidget(parts[key]))
        side.body.addWidget(self.side_tabs)
        side.body.addWidget(self.side_stack, 1)
        return side

    def _show_end(self) -> None:
        run = self.run
        if run.status == "discarded":
            title = self.tr("The run was discarded; the model is as it was before.")
            self.end.show_notice("end", Notice("info", title))
            return
        title = self._summary()
        actions = (
            (self.tr("Export"), lambda: self.state.navigate.emit("export")),
            (self.tr("Compare the answers"), lambda: self.state.navigate.emit("compare")),
        )
        kind = "success" if run.status == "done" else "info"
        self.end.show_notice("end", Notice(kind, title, "", actions))

    def _summary(self) -> str:
        result = self.run.result
        if result is None or result.first_loss is None or result.last_loss is None:
            return self.tr("Training has ended. Compare the answers.")
        words = (
            self.tr("Loss fell from {first} to {last}. Compare the answers.")
            if result.last_loss < result.first_loss
            else self.tr("Loss went from {first} to {last}. Compare the answers before you use it.")
        )
        return words.format(first=number_words(result.first_loss, 2), last=number_words(result.last_loss, 2))
