"""Who does the work: how the tokens are shared among a model's experts, now and over the run."""

from functools import partial
from pathlib import Path

from PySide6.QtCore import QTimer
from PySide6.QtGui import QShowEvent
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QMenu, QWidget

from engine.job.commands import Set
from engine.job.expert_events import Routing, idle_below
from gui.pages.train_expert_figures import ExpertFigures
from gui.pages.train_idle_expert import IdleExpert
from gui.state.app_state import AppState
from gui.state.background import in_background
from gui.state.live_run import LiveRun
from gui.state.routing import RECENT, Course, evenness_course, layer_course, recent_shares, write_routing
from gui.state.words import count_words, share_words
from gui.widgets.buttons import IconButton
from gui.widgets.card import Card
from gui.widgets.chart_export import export_chart
from gui.widgets.heat import Heat
from gui.widgets.heat_map import HeatMap
from gui.widgets.heat_scale import HeatScale
from gui.widgets.labels import Label
from gui.widgets.readout import ReadoutLine
from gui.widgets.segmented import Segmented
from gui.widgets.select import Select

REPAINT_MS = 400
FULL = 1.7  # times an even share: from here on a cell has the full colour
MANY = 16  # experts, from where on shares are so small that whole percent say little
ALL = "all"


class ExpertsCard(Card):
    """The heat map with its figures. It follows the run a few times a second, and only while it can be seen."""

    def __init__(self, state: AppState, run: LiveRun, parent: QWidget | None = None) -> None:
        title, term = self.tr("Who does the work"), self.tr("(load of each expert)")
        super().__init__(title, term, padding=16, parent=parent)
        self._state, self._run = state, run
        self._course: Course | None = None
        self._is_stale = True
        self._add_header()
        self._add_caption()
        self.heat_map = HeatMap(self.tr("Load of each expert"), self._say)
        self.scale = HeatScale()
        self.figures = ExpertFigures()
        self.idle = IdleExpert(run)
        self.idle.raised.connect(lambda weight: state.control(Set("balance", weight)))
        self.body.setSpacing(8)
        self.body.addWidget(self.heat_map, 1)
        for widget in (self.scale, self.figures, self.idle):
            self.body.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.setInterval(REPAINT_MS)
        self._timer.timeout.connect(self._draw_if_stale)
        self._timer.start()
        run.routed.connect(self._follow)
        self._draw()

    def refresh(self) -> None:
        """Follow the run: what was dropped after a resume, and what may be asked of it now."""
        self._is_stale = True
        self.idle.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        self._draw()

    # Parts

    def _add_header(self) -> None:
        self.view = Segmented(
            [("now", self.tr("Now")), ("course", self.tr("Over time"))], "now", self.tr("Load of each expert")
        )
        self.view.changed.connect(self._draw)
        self.save_button = IconButton("image-down", self.tr("Pictures and numbers"), compact=True)
        self.save_button.clicked.connect(self._menu)
        self.add_to_header(self.view)

    def _add_caption(self) -> None:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.caption = Label("", "small", wrap=True)
        self.layer = Select([(ALL, self.tr("All layers"))], ALL, self.tr("Layer"), compact=True)
        self.layer.changed.connect(self._draw)
        row.addWidget(self.caption, 1)
        row.addWidget(self.layer)
        row.addWidget(self.save_button)
        self.body.addLayout(row)

    # Drawing

    def _follow(self, _event: Routing) -> None:
        self._is_stale = True

    def _draw_if_stale(self) -> None:
        if self._is_stale and self.isVisible():
            self._draw()

    def _draw(self) -> None:
        self._is_stale = False
        told = self._run.routing
        is_now = self.view.value() == "now"
        self.layer.setVisible(not is_now and bool(told))
        self.scale.setVisible(bool(told))
        self.figures.setVisible(bool(told))
        self.save_button.setEnabled(bool(told))
        self.idle.refresh()
        if not told:
            self.caption.setText(self.tr("The shares come with the first step."))
            self.heat_map.set_heat(Heat())
            return
        self.figures.show_event(told[-1])
        self._offer_layers(len(told[-1].shares))
        if is_now:
            self._draw_now()
        elif self.layer.value() == ALL:
            self._draw_evenness()
        else:
            self._draw_layer(int(self.layer.value()))

    def _draw_now(self) -> None:
        newest = self._run.routing[-1]
        shares, updates = recent_shares(self._run.routing)
        self._course = None
        steps = self.tr("in the last {count} steps").format(count=updates)
        if updates == 1:
            steps = self.tr("in the last step")
        self.caption.setText(
            self.tr("Share of the tokens each expert took {steps}, in percent.").format(steps=steps)
        )
        heat = Heat(
            self._layers(len(shares)),
            tuple(str(expert + 1) for expert in range(len(shares[0]))),
            shares,
            high=FULL / len(shares[0]),
            outlined=frozenset((layer, expert) for layer, expert in newest.dead),
            in_percent=True,
        )
        self.heat_map.set_heat(heat, self.tr("Expert"))
        self._say_scale(len(shares[0]))

    def _draw_layer(self, layer: int) -> None:
        course = self._course = layer_course(self._run.routing, layer)
        experts = len(course.rows)
        self.caption.setText(self.tr("Share of each expert of this layer over the steps."))
        names = tuple(self.tr("Expert {number}").format(number=expert + 1) for expert in range(experts))
        self._show_course(course, names, 0.0, FULL / experts)
        self._say_scale(experts)

    def _draw_evenness(self) -> None:
        course = self._course = evenness_course(self._run.routing)
        self.caption.setText(self.tr("How evenly each layer uses its experts (load entropy)."))
        low = min((min(row) for row in course.rows), default=0.9)
        low = int(min(0.9, low) * 10) / 10
        self._show_course(course, self._layers(len(course.rows)), low, 1.0)
        words = self.tr("{share} even") if low else self.tr("{share}, one expert alone")
        self.scale.set_words(words.format(share=share_words(low)), self.tr("100 %, all alike"))

    def _show_course(self, course: Course, names: tuple[str, ...], low: float, high: float) -> None:
        columns = tuple(count_words(span[0]) for span in course.spans)
        self.heat_map.set_heat(Heat(names, columns, course.rows, low, high, is_time=True), self.tr("Step"))

    def _say_scale(self, experts: int) -> None:
        full = self.tr("{share} or more").format(share=share_words(FULL / experts, exact=experts > MANY))
        even = self.tr("an even share is {share}").format(share=share_words(1 / experts, exact=True))
        self.scale.set_words("0", full, even)

    def _layers(self, count: int) -> tuple[str, ...]:
        return tuple(self.tr("Layer {number}").format(number=layer + 1) for layer in range(count))

    def _offer_layers(self, count: int) -> None:
        if self.layer.count() != count + 1:
            names = enumerate(self._layers(count))
            self.layer.set_options(
                [(ALL, self.tr("All layers")), *((str(i), name) for i, name in names)], ALL
            )

    def _say(self, row: int, column: int) -> list[ReadoutLine]:
        """What a cell says when the mouse or the keys come to it."""
        heat = self.heat_map.heat()
        value = share_words(heat.values[row][column], exact=heat.is_time or len(heat.columns) > MANY)
        if self._course is None:
            title = self.tr("Layer {layer}, expert {expert}").format(layer=row + 1, expert=column + 1)
            lines = [
                ReadoutLine(title, is_strong=True),
                ReadoutLine(self.tr("takes {share} of the tokens").format(share=value)),
            ]
            if (row, column) in heat.outlined:
                least = share_words(idle_below(len(heat.columns)), exact=True)
                words = self.tr("nearly idle: under {share} in {count} steps").format(
                    share=least, count=RECENT
                )
                lines.append(ReadoutLine("", words))
            return lines
        first, last = self._course.spans[column]
        steps = self.tr("steps {first} to {last}").format(first=count_words(first), last=count_words(last))
        if first == last:
            steps = self.tr("step {step}").format(step=count_words(last))
        words = (
            self.tr("takes {share} of the tokens") if self.layer.value() != ALL else self.tr("{share} even")
        )
        return [
            ReadoutLine(f"{heat.rows[row]}, {steps}", is_strong=True),
            ReadoutLine(words.format(share=value)),
        ]

    # Taking it away

    def _menu(self) -> None:
        menu = QMenu(self)
        for ending in ("png", "svg", "csv"):
            menu.addAction(
                self.tr("Save as {kind}…").format(kind=ending.upper()), partial(self._ask_to_save, ending)
            )
        menu.exec(self.save_button.mapToGlobal(self.save_button.rect().bottomLeft()))

    def _ask_to_save(self, ending: str) -> None:
        suggested = f"{self._run.name}, {self.tr('experts')}.{ending}"
        name, _ = QFileDialog.getSaveFileName(
            self, self.tr("Save the experts' load"), suggested, f"*.{ending}"
        )
        if name:
            self.save(Path(name))

    def save(self, path: Path) -> None:
        """Write what is shown as .png or .svg, or everything that was told as .csv, which may take a while."""
        if path.suffix.lower() == ".csv":
            told = list(self._run.routing)
            in_background(self, lambda: write_routing(told, path), lambda _: None, self._say_failure)
            return
        try:
            export_chart(self, {}, path)
        except OSError as error:
            self._say_failure(f"{path}: {error.strerror or error}.", "")

    def _say_failure(self, title: str, advice: str) -> None:
        self._state.notice.emit("error", title, advice)
