"""The controls above a chart: smoothing, linear or logarithmic, the x axis, zoom out, save. Needs no pyqtgraph."""

from pathlib import Path
from typing import Protocol

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QWidget

from gui.widgets.buttons import IconButton
from gui.widgets.chart_series import Axis
from gui.widgets.labels import Label
from gui.widgets.segmented import Segmented
from gui.widgets.select import Select
from gui.widgets.slider import ValueSlider


class Drivable(Protocol):
    """What a toolbar drives: a `Chart` or a `ChartGrid`."""

    def set_smoothing(self, factor: float) -> None: ...
    def set_logarithmic(self, is_log: bool) -> None: ...
    def set_axis(self, axis: Axis) -> None: ...
    def show_all(self) -> None: ...
    def export(self, path: Path) -> None: ...


class ChartToolbar(QWidget):
    """`drive(chart)` connects it; a chart driven later takes over the present choices.

    `failed(str)` says why a picture could not be saved, `saved(Path)` where it lies.
    """

    failed = Signal(str)
    saved = Signal(object)

    def __init__(self, smoothing: float = 0.9, with_axis: bool = True, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._charts: list[Drivable] = []
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(8)
        self.smoothing = ValueSlider(
            0.0, 0.99, smoothing, self.tr("Smoothing"), box=False, show=lambda _value: ""
        )
        self.smoothing.setFixedWidth(88)
        self.scale = Segmented(
            [("linear", self.tr("Linear")), ("log", self.tr("Log"))], name=self.tr("Scale")
        )
        axes = [("step", self.tr("Steps")), ("tokens", self.tr("Tokens")), ("seconds", self.tr("Time"))]
        self.axis = Select(axes, "step", self.tr("Along the bottom"))
        self.zoom_out = IconButton("zoom-out", self.tr("Show everything"))
        self.save = IconButton("image-down", self.tr("Save as picture or table…"))
        row.addWidget(Label(self.tr("Smoothing"), "small"))
        for widget in (self.smoothing, self.scale, self.axis, self.zoom_out, self.save):
            row.addWidget(widget)
        self.axis.setVisible(with_axis)
        self.smoothing.changed.connect(self._apply)
        self.scale.changed.connect(self._apply)
        self.axis.changed.connect(self._set_axis)
        self.zoom_out.clicked.connect(self._show_all)
        self.save.clicked.connect(self._ask_and_save)

    def drive(self, *charts: Drivable) -> None:
        """Steer these charts from now on; the first one is what is saved."""
        self._charts = list(charts)
        self._apply()
        self._set_axis()

    def _apply(self) -> None:
        for chart in self._charts:
            chart.set_smoothing(self.smoothing.value())
            chart.set_logarithmic(self.scale.value() == "log")

    def _set_axis(self) -> None:
        axes: dict[str, Axis] = {"step": "step", "tokens": "tokens", "seconds": "seconds"}
        for chart in self._charts:
            chart.set_axis(axes[self.axis.value()])

    def _show_all(self) -> None:
        for chart in self._charts:
            chart.show_all()

    def _ask_and_save(self) -> None:
        if not self._charts:
            return
        kinds = f"{self.tr('Picture')} (*.png);;{self.tr('Drawing')} (*.svg);;{self.tr('Table')} (*.csv)"
        name, kind = QFileDialog.getSaveFileName(self, self.tr("Save chart"), "chart.png", kinds)
        if name:
            path = Path(name)
            self.save_to(path if path.suffix else path.with_suffix(kind[kind.rindex(".") : -1]))

    def save_to(self, path: Path) -> None:
        """Save the first chart by the path's ending and say how it went."""
        try:
            self._charts[0].export(path)
        except OSError as error:
            reason = error.strerror or str(error)
            self.failed.emit(
                self.tr("The chart could not be saved to {path}: {reason}").format(path=path, reason=reason)
            )
        else:
            self.saved.emit(path)
