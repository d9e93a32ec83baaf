"""A chart of curves over steps. Import after the first paint: this loads pyqtgraph.

    chart = Chart(ChartSpec("loss", "Loss", (Curve("loss", "Training"), validation_curve("Validation"))))
    chart.add("loss", step, value, tokens, seconds)      # as often as events come: only marks the chart dirty
    chart.add_marker(Marker(200, "Saved"))

A timer repaints it at 12 Hz while it is visible and dirty. The wheel zooms x, dragging pans, a double click follows
the newest again; with the focus, arrow keys read out step by step and Enter chooses a step.
"""

import math
from pathlib import Path

import pyqtgraph as pg
from PySide6.QtCore import QEvent, QPointF, QRectF, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QShowEvent
from PySide6.QtWidgets import QHBoxLayout, QVBoxLayout, QWidget

from gui import theme
from gui.widgets.chart_axes import PlaceAxis, ValueAxis, dress_axis
from gui.widgets.chart_curves import CurveItem
from gui.widgets.chart_export import export_chart
from gui.widgets.chart_guide import Guide
from gui.widgets.chart_markers import Marker, Markers
from gui.widgets.chart_reading import fitting_range, legend_entries, lines_at
from gui.widgets.chart_series import Axis, Series
from gui.widgets.chart_spec import ChartSpec
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.legend import Legend
from gui.widgets.readout import Readout, ReadoutLine

REPAINT_MS = 80
SMOOTHING = 0.9


class Chart(QWidget):
    """`compact` puts title and legend above, for several charts in a grid; otherwise the legend stands below.

    `step_clicked(int)` when a step was chosen, `hovered(float)` while the mouse reads out (-1 when it left),
    `following_changed(bool)`.
    """

    step_clicked = Signal(int)
    hovered = Signal(float)
    following_changed = Signal(bool)

    def __init__(self, spec: ChartSpec, compact: bool = False, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.spec = spec
        self._axis: Axis = "step"
        self._smoothing = SMOOTHING
        self._is_log = False
        self._is_compact = compact
        self._is_dirty = True
        self._smoothing_is_stale = False
        self._is_following = True
        self._is_fitted = False
        self._places = PlaceAxis()
        self._values = ValueAxis(spec.is_share)
        axes = {"bottom": self._places, "left": self._values}
        self._view = pg.PlotWidget(background=None, axisItems=axes, enableMenu=False)
        self._plot: pg.PlotItem = self._view.getPlotItem()
        self._curves = {curve.key: CurveItem(self._plot, curve, SMOOTHING) for curve in spec.curves}
        self._markers = Markers(self._plot)
        self._guide = Guide(self._plot, spec.guide, spec.guide_label)
        self._hover = pg.InfiniteLine(angle=90)
        self._readout = Readout(self._view)
        self._empty = Label(self.tr("The curve begins with the first step."), "muted", parent=self._view)
        self._legend = Legend()
        self._follow_words = Label("", "small")
        self._timer = QTimer(self)
        self._timer.setInterval(REPAINT_MS)
        self._timer.timeout.connect(self._repaint_if_dirty)
        self._build(compact)
        self._set_up_plot()
        self._dress()
        theme.changed.connect(self._dress)

    def add(self, key: str, step: float, value: float, tokens: float = 0.0, seconds: float = 0.0) -> None:
        """Add a value of one curve. A step that is not newer replaces what followed it, as after a resume."""
        self._curves[key].series.append(step, value, tokens, seconds)
        self._is_dirty = True

    def add_marker(self, marker: Marker) -> None:
        """Draw a dotted line at a step."""
        self._markers.put(marker)
        self._is_dirty = True

    def set_guide(self, value: float) -> None:
        """Draw the spec's guide at this height, where only the run could tell it."""
        if value != self._guide.value:
            self._guide.move_to(value)
            self._is_dirty = True

    def clear(self) -> None:
        """Forget all values and markers and follow the newest again."""
        for item in self._curves.values():
            item.series = Series(self._smoothing)
        self._markers.drop_from(-math.inf)
        self.show_all()

    def series(self, key: str) -> Series:
        """The numbers of one curve."""
        return self._curves[key].series

    def curve_keys(self) -> list[str]:
        """The keys of all curves."""
        return list(self._curves)

    def set_smoothing(self, factor: float) -> None:
        """The factor of the running average, 0 (none) to 0.999."""
        self._smoothing = min(0.999, max(0.0, factor))
        self._smoothing_is_stale = True
        self._is_dirty = True

    def set_logarithmic(self, is_log: bool) -> None:
        """A logarithmic or a linear y axis."""
        self._is_log = self._values.is_log = is_log
        self._values.picture = None
        self._is_dirty = True

    def set_axis(self, axis: Axis) -> None:
        """Steps, tokens or seconds along x."""
        self._axis = self._places.kind = axis
        self._places.picture = None
        self._readout.hide()
        self.show_all()

    def show_all(self) -> None:
        """Zoom out and follow the newest step."""
        self.set_following(True)
        self._is_dirty = True

    @property
    def is_following(self) -> bool:
        """Whether the view moves with the newest step."""
        return self._is_following

    def set_following(self, is_following: bool) -> None:
        """Move with the newest step, or rest where a person looks."""
        following = self.tr("Following the newest steps")
        resting = self.tr("Double-click to follow the newest")
        self._follow_words.setText(following if is_following else resting)
        if is_following != self._is_following:
            self._is_following = is_following
            self.following_changed.emit(is_following)

    def link(self, other: "Chart") -> None:
        """Zoom and pan together with another chart."""
        self._plot.setXLink(other._plot)

    def export(self, path: Path) -> None:
        """Write what is shown as .png or .svg, or all numbers as .csv; raises OSError."""
        self.read_out(-1)
        self.repaint_now()
        export_chart(self, {key: item.series for key, item in self._curves.items()}, path)

    def repaint_now(self) -> None:
        """Draw the newest numbers at once."""
        self._is_dirty = False
        if self._smoothing_is_stale:
            self._smoothing_is_stale = False
            for item in self._curves.values():
                item.series.set_smoothing(self._smoothing)
        newest = max((s.column(self._axis)[-1] for s in self._filled()), default=0.0)
        self._empty.setVisible(not self._filled())
        if self._is_following:
            self._plot.setXRange(
                0, max(float(newest) * 1.04, 8.0 if self._axis == "step" else 1.0), padding=0
            )
        low, high = self._plot.viewRange()[0]
        extents = [item.draw(self._axis, low, high, self._is_log) for item in self._curves.values()]
        self._fit_values(extents)
        self._guide.place(high, self._plot.viewRange()[1], self._is_log)
        self._place_markers(low, high)

    def read_out(self, step: float) -> None:
        """Show the values at a step, as the mouse does; a negative step hides them."""
        main = next(iter(self._filled()), None)
        if main is None or step < 0:
            self._readout.hide()
            self._hover.hide()
            return
        index = main.nearest("step", step) or 0
        place = float(main.column(self._axis)[index])
        step = float(main.column("step")[index])
        self._hover.setPos(place)
        self._hover.show()
        box = self._plot.getViewBox()
        x = self._view.mapFromScene(box.mapViewToScene(QPointF(place, 0))).x()
        area = QRectF(self._view.mapFromScene(box.sceneBoundingRect()).boundingRect())
        area.setTop(area.top() + (22 if self._markers.has_words() else 0))
        self._readout.show_at(self._lines_at(step), x, area)

    def readout_text(self) -> str:
        """What the hover box says, "" while it is hidden."""
        return "" if self._readout.isHidden() else self._readout.text()

    def showEvent(self, event: QShowEvent) -> None:
        self._timer.start()

    def hideEvent(self, event: QHideEvent) -> None:
        self._timer.stop()

    def leaveEvent(self, event: QEvent) -> None:
        self.read_out(-1)
        self.hovered.emit(-1.0)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        main = next(iter(self._filled()), None)
        move = {Qt.Key.Key_Left: -1, Qt.Key.Key_Right: 1, Qt.Key.Key_PageDown: -20, Qt.Key.Key_PageUp: 20}
        if main is None:
            super().keyPressEvent(event)
            return
        at = main.nearest(self._axis, self._hover.value()) if not self._readout.isHidden() else len(main) - 1
        if event.key() in move:
            to = min(len(main) - 1, max(0, (at or 0) + move[Qt.Key(event.key())]))
            self.read_out(float(main.column("step")[to]))
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.step_clicked.emit(round(float(main.column("step")[at or 0])))
        elif event.key() in (Qt.Key.Key_Home, Qt.Key.Key_Escape):
            self.show_all()
        else:
            super().keyPressEvent(event)

    def _build(self, compact: bool) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(4)
        edge = QHBoxLayout()
        edge.setSpacing(8)
        if compact:
            edge.addWidget(Label(self.spec.title, "strong"))
            hint = ElidedLabel(self.spec.hint, "small")
            hint.setMinimumWidth(1)  # two charts side by side must not need more room than there is
            edge.addWidget(hint, 1)
            edge.addWidget(self._legend)
            layout.addLayout(edge)
            layout.addWidget(self._view, 1)
        else:
            edge.addWidget(self._legend, 1)
            edge.addWidget(self._follow_words)
            layout.addWidget(self._view, 1)
            layout.addLayout(edge)
        is_alone = len(self.spec.curves) < 2
        self._legend.setVisible(not (compact and is_alone))
        self._legend.set_entries(legend_entries(self.spec, compact))
        self.setAccessibleName(f"{self.spec.title}, {self.spec.hint}".strip(" ,"))
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self._view.setFocusProxy(self)
        self._view.setMinimumSize(160, 90)

    def _set_up_plot(self) -> None:
        self._plot.hideButtons()
        self._view.setFrameShape(self._view.Shape.NoFrame)
        self._view.viewport().setAutoFillBackground(False)
        box = self._plot.getViewBox()
        box.setMouseEnabled(x=True, y=False)
        box.disableAutoRange()
        box.setLimits(minXRange=4)
        self._hover.hide()
        self._plot.addItem(self._hover, ignoreBounds=True)
        box.sigRangeChangedManually.connect(self._moved_by_hand)
        box.sigXRangeChanged.connect(self._x_changed)
        self._view.scene().sigMouseMoved.connect(self._mouse_moved)
        self._view.scene().sigMouseClicked.connect(self._mouse_clicked)
        self.set_following(True)

    def _dress(self) -> None:
        tokens = theme.current()
        dress_axis(self._places)
        dress_axis(self._values)
        for item in self._curves.values():
            item.dress()
        self._markers.dress()
        self._view.setBackground(tokens.card)
        self._guide.dress()
        self._hover.setPen(pg.mkPen(tokens.text, width=1, style=Qt.PenStyle.DotLine))
        self._is_dirty = True

    def _repaint_if_dirty(self) -> None:
        if self._is_dirty:
            self.repaint_now()

    def _filled(self) -> list[Series]:
        return [item.series for item in self._curves.values() if len(item.series)]

    def _fit_values(self, extents: list[tuple[float, float]]) -> None:
        guide = None if self._is_log else self._guide.value
        shown = self._plot.viewRange()[1] if self._is_fitted else (1.0, -1.0)
        wanted = fitting_range(extents, shown, guide)
        if wanted is not None:
            self._is_fitted = True
            self._plot.setYRange(*wanted, padding=0)

    def _place_markers(self, low: float, high: float) -> None:
        main = next(iter(self._filled()), None)
        steps = self._markers.steps()
        if main is None or not steps:
            return
        places = {step: step if self._axis == "step" else self._place_of(main, step) for step in steps}
        width = max(1.0, self._plot.getViewBox().width())
        self._markers.place(places, self._plot.viewRange()[1][1], (high - low) / width)

    def _place_of(self, main: Series, step: float) -> float:
        return float(main.column(self._axis)[main.nearest("step", step) or 0])

    def _lines_at(self, step: float) -> list[ReadoutLine]:
        low, high = self._plot.viewRange()[0]
        marker = self._markers.near(step, (high - low) / 100) if self._axis == "step" else None
        curves = [(item.curve, item.series) for item in self._curves.values()]
        note = marker.text if marker else ""
        return lines_at(step, curves, self.spec, is_brief=self._is_compact, note=note)

    def _step_at(self, scene: QPointF) -> float | None:
        box = self._plot.getViewBox()
        main = next(iter(self._filled()), None)
        if main is None or not box.sceneBoundingRect().contains(scene):
            return None
        index = main.nearest(self._axis, box.mapSceneToView(scene).x())
        return float(main.column("step")[index or 0])

    def _mouse_moved(self, scene: QPointF) -> None:
        step = self._step_at(scene)
        self.read_out(-1.0 if step is None else step)
        self.hovered.emit(-1.0 if step is None else step)

    def _mouse_clicked(self, event: "pg.GraphicsScene.mouseEvents.MouseClickEvent") -> None:
        step = self._step_at(event.scenePos())
        if event.double():
            self.show_all()
        elif step is not None and event.button() == Qt.MouseButton.LeftButton:
            self.step_clicked.emit(round(step))

    def _moved_by_hand(self) -> None:
        self.set_following(False)
        self._is_dirty = True

    def _x_changed(self) -> None:
        self._is_dirty = True
