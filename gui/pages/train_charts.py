"""The charts of a run: those its method's card asks for, learning rate and gradients on tabs."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QSlider, QStackedWidget, QWidget

from engine.job.cards import Chart as CardChart
from engine.job.events import Changed, Evaluated, Event, Remark, Saved, Step
from engine.job.expert_events import Routing
from gui.state.live_run import LiveRun
from gui.widgets.buttons import IconButton
from gui.widgets.card import Card
from gui.widgets.chart_grid import ChartGrid
from gui.widgets.chart_markers import Marker
from gui.widgets.chart_series import Axis
from gui.widgets.chart_spec import ChartSpec, Curve, check_key, spec_of
from gui.widgets.flow import Flow
from gui.widgets.labels import Label
from gui.widgets.segmented import Segmented


class TrainCharts(Card):
    """Replays what the run has told, then follows it."""

    def __init__(self, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(padding=16, parent=parent)
        self._run = run
        self._began = run.began
        self.grids: dict[str, ChartGrid] = {}  # by tab; made when it is first looked at, as charts cost time
        self.axis: Axis = "step"
        self.stack = QStackedWidget()
        self.main = self._added("main", ChartGrid(self._specs("main")))
        self.body.addLayout(self._bar())
        self.body.addWidget(self.stack, 1)
        self.rows_words = Label("", "small", wrap=True)
        self.rows_words.hide()
        self.body.addWidget(self.rows_words)
        self._replay()
        run.stepped.connect(self._add_steps)
        run.evaluated.connect(self._add_evaluation)
        run.saved.connect(self._add_saved)
        run.told.connect(self._add_told)
        run.routed.connect(self._add_routing)

    def _specs(self, tab: str) -> list[ChartSpec]:
        if tab == "rate":
            rate = Curve("learning_rate", self.tr("Learning rate"), smooth=False)
            return [ChartSpec("rate", self.tr("Learning rate"), (rate,))]
        if tab == "norm":
            norm = Curve("gradient_norm", self.tr("Gradient norm"))
            return [ChartSpec("norm", self.tr("Gradients"), (norm,))]
        job = self._run.job
        charts: tuple[CardChart, ...] = job.method_card.charts if job else ()
        if tab == "experts":
            charts = job.expert_charts if job else ()
        return [spec_of(chart, self.tr("Validation")) for chart in charts]

    def _added(self, tab: str, grid: ChartGrid) -> ChartGrid:
        self.grids[tab] = grid
        self.stack.addWidget(grid)
        grid.step_clicked.connect(self._show_rows)
        return grid

    def _show_tab(self, tab: str) -> None:
        if tab not in self.grids:
            specs = self._specs(tab)
            grid = self._added(tab, ChartGrid((), has_more=len(specs) > 1))
            self._add_charts(grid, specs)
        self.stack.setCurrentWidget(self.grids[tab])

    def _add_charts(self, grid: ChartGrid, specs: list[ChartSpec]) -> None:
        """One chart now and the next when the window has had a turn: together they would hold it up."""
        chart = grid.add_chart(specs[0])
        for step in self._run.steps:
            for key, value in _figures(step).items():
                if value is not None and key in chart.curve_keys():
                    chart.add(key, step.step, value, step.tokens, step.time - (self._run.began or step.time))
        chart.set_smoothing(self.smoothing.value() / 100)
        chart.set_logarithmic(self.scale.value() == "log")
        chart.set_axis(self.axis)
        for event in self._run.routing[-1:]:
            self._add_routing(event)
        if specs[1:]:
            QTimer.singleShot(0, self, partial(self._add_charts, grid, specs[1:]))

    def _bar(self) -> Flow:
        row = Flow()
        is_preference = len(self.main.charts) > 1
        tabs = [
            ("main", self.tr("Preference") if is_preference else self.tr("Loss")),
            ("rate", self.tr("Learning rate")),
            ("norm", self.tr("Gradients")),
        ]
        if self._run.job is not None and self._run.job.expert_charts:
            tabs.insert(1, ("experts", self.tr("Experts")))
        self.tabs = Segmented(tabs, "main", self.tr("Chart"))
        self.tabs.changed.connect(self._show_tab)
        row.addWidget(self.tabs)
        row.add_spring()
        self.smoothing = QSlider(Qt.Orientation.Horizontal)
        self.smoothing.setRange(0, 99)
        self.smoothing.setValue(90)
        self.smoothing.setFixedWidth(52 if len(tabs) > 3 else 82)
        self.smoothing.setAccessibleName(self.tr("Smoothing"))
        self.smoothing.valueChanged.connect(self._smooth)
        row.addWidget(_together(Label(self.tr("Smoothing"), "small"), self.smoothing))
        self.scale = Segmented(
            [("linear", self.tr("Linear")), ("log", self.tr("Log"))], "linear", self.tr("Scale")
        )
        self.scale.changed.connect(self._rescale)
        row.addWidget(self.scale)
        self.zoom_button = IconButton(
            "zoom-out", self.tr("Show everything and follow the newest"), compact=True
        )
        self.zoom_button.clicked.connect(self._show_all)
        self.more_button = IconButton("image-down", self.tr("Axis and pictures"), compact=True)
        self.more_button.clicked.connect(self._menu)
        row.addWidget(_together(self.zoom_button, self.more_button))
        return row

    def _replay(self) -> None:
        self._add_steps(self._run.steps)
        for evaluation in self._run.evaluations:
            self._add_evaluation(evaluation)
        for saved in self._run.checkpoints:
            self._add_saved(saved)
        for event in self._run.log:
            self._add_told(event)

    def _add_steps(self, steps: list[Step]) -> None:
        for step in steps:
            seconds = step.time - (self._run.began or step.time)
            for key, value in _figures(step).items():
                if value is None:
                    continue
                for grid in self.grids.values():
                    grid.add(key, step.step, value, step.tokens, seconds)

    def _add_evaluation(self, event: Evaluated) -> None:
        values = {"validation": event.loss}
        values |= {check_key(name): value for name, value in event.metrics.items()}
        for key, value in values.items():
            if value is not None:
                self.main.add(key, event.step, value, 0.0, event.time - self._run.began)

    def _add_routing(self, event: Routing) -> None:
        """Guides whose height the run tells: what even use comes to depends on how many experts a token gets."""
        for grid in self.grids.values():
            for name in {chart.spec.guide_from for chart in grid.charts} - {""}:
                grid.set_guide(name, getattr(event, name))

    def _add_saved(self, event: Saved) -> None:
        self.main.add_marker(
            Marker(event.step, self.tr("Saved, best") if event.is_best else self.tr("Saved"))
        )

    def _add_told(self, event: Event) -> None:
        if isinstance(event, Remark) and event.step is not None:
            self.main.add_marker(Marker(event.step, event.title, "warn" if event.tone == "warn" else ""))
        elif isinstance(event, Changed):
            self.main.add_marker(Marker(event.step, f"{event.name} {event.value:g}"))

    def _smooth(self, percent: int) -> None:
        for grid in self.grids.values():
            grid.set_smoothing(percent / 100)

    def _rescale(self, scale: str) -> None:
        for grid in self.grids.values():
            grid.set_logarithmic(scale == "log")

    def _show_all(self) -> None:
        for grid in self.grids.values():
            grid.show_all()

    def _menu(self) -> None:
        menu = QMenu(self)
        axes: tuple[tuple[Axis, str], ...] = (
            ("step", self.tr("Steps")),
            ("tokens", self.tr("Tokens")),
            ("seconds", self.tr("Time")),
        )
        for axis, label in axes:
            menu.addAction(self.tr("Along x: {what}").format(what=label), partial(self._set_axis, axis))
        menu.addSeparator()
        for ending in ("png", "svg", "csv"):
            label = self.tr("Save as {kind}…").format(kind=ending.upper())
            menu.addAction(label, partial(self._save, ending))
        menu.exec(self.more_button.mapToGlobal(self.more_button.rect().bottomLeft()))

    def _set_axis(self, axis: Axis) -> None:
        self.axis = axis
        for grid in self.grids.values():
            grid.set_axis(axis)

    def _save(self, ending: str) -> None:
        suggested = f"{self._run.name}.{ending}"
        name, _ = QFileDialog.getSaveFileName(self, self.tr("Save the chart"), suggested, f"*.{ending}")
        if not name:
            return
        try:
            self.grids[self.tabs.value()].export(Path(name))
        except OSError as error:
            self.rows_words.setText(
                self.tr("{name} cannot be written: {reason}.").format(name=name, reason=error.strerror)
            )
            self.rows_words.show()

    def _show_rows(self, number: int) -> None:
        step = next((found for found in self._run.steps if found.step == number), None)
        if step is None or not step.rows:
            return
        rows = ", ".join(str(row) for row in step.rows[:40]) + (" …" if len(step.rows) > 40 else "")
        self.rows_words.setText(
            self.tr("Step {step} learned from rows {rows}.").format(step=number, rows=rows)
        )
        self.rows_words.show()


def _figures(step: Step) -> dict[str, float | None]:
    """What curves are drawn of, by key."""
    return {
        "loss": step.loss,
        "learning_rate": step.learning_rate,
        "gradient_norm": step.gradient_norm,
        **step.metrics,
    }


def _together(*widgets: QWidget) -> QWidget:
    """Widgets that stay on one line."""
    group = QWidget()
    row = QHBoxLayout(group)
    row.setContentsMargins(0, 0, 0, 0)
    row.setSpacing(8)
    for widget in widgets:
        row.addWidget(widget)
    return group
