"""Several charts side by side that zoom together and read out the same step. Loads pyqtgraph."""

from collections.abc import Sequence
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from gui.widgets.chart import Chart
from gui.widgets.chart_export import export_chart
from gui.widgets.chart_markers import Marker
from gui.widgets.chart_series import Axis
from gui.widgets.chart_spec import ChartSpec


class ChartGrid(QWidget):
    """One chart fills the place with its legend below; more stand in two columns. Same calls as `Chart`.

    `add(key, ...)` goes to every chart that has a curve of that key; keys that no chart has are left out.
    """

    step_clicked = Signal(int)
    following_changed = Signal(bool)

    def __init__(
        self,
        specs: Sequence[ChartSpec],
        columns: int = 2,
        parent: QWidget | None = None,
        *,
        has_more: bool = False,
    ) -> None:
        """`has_more`: others follow by `add_chart`, as each takes the window a moment to make."""
        super().__init__(parent)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(24)
        self._grid.setVerticalSpacing(12)
        self._columns, self._is_compact = columns, has_more or len(specs) > 1
        self.charts: list[Chart] = []
        for spec in specs:
            self.add_chart(spec)

    def add_chart(self, spec: ChartSpec) -> Chart:
        """One more chart, empty as yet."""
        place, chart = len(self.charts), Chart(spec, self._is_compact)
        self.charts.append(chart)
        self._grid.addWidget(chart, place // self._columns, place % self._columns)
        self._grid.setColumnStretch(place % self._columns, 1)
        chart.step_clicked.connect(self.step_clicked)
        chart.hovered.connect(self._read_out)
        chart.following_changed.connect(self._follow)
        if place:
            chart.link(self.charts[0])
        return chart

    def add(self, key: str, step: float, value: float, tokens: float = 0.0, seconds: float = 0.0) -> None:
        """Add a value to every curve of that key."""
        for chart in self.charts:
            if key in chart.curve_keys():
                chart.add(key, step, value, tokens, seconds)

    def add_marker(self, marker: Marker) -> None:
        """Draw a dotted line at a step in every chart; the words stand in the first."""
        for place, chart in enumerate(self.charts):
            chart.add_marker(marker if place == 0 else Marker(marker.step, "", marker.tone))

    def set_guide(self, name: str, value: float) -> None:
        """Draw the guide of every chart whose height is that figure."""
        for chart in self.charts:
            if chart.spec.guide_from == name:
                chart.set_guide(value)

    def clear(self) -> None:
        """Forget all values and markers."""
        for chart in self.charts:
            chart.clear()

    def set_smoothing(self, factor: float) -> None:
        """The factor of the running averages, 0 to 0.999."""
        for chart in self.charts:
            chart.set_smoothing(factor)

    def set_logarithmic(self, is_log: bool) -> None:
        """Logarithmic or linear y axes."""
        for chart in self.charts:
            chart.set_logarithmic(is_log)

    def set_axis(self, axis: Axis) -> None:
        """Steps, tokens or seconds along x."""
        for chart in self.charts:
            chart.set_axis(axis)

    def show_all(self) -> None:
        """Zoom out and follow the newest step."""
        for chart in self.charts:
            chart.show_all()

    def export(self, path: Path) -> None:
        """Write all charts as one .png or .svg, or all numbers as .csv; raises OSError."""
        series = {}
        for chart in self.charts:
            chart.read_out(-1)
            chart.repaint_now()
            series.update({key: chart.series(key) for key in chart.curve_keys()})
        export_chart(self, series, path)

    def _read_out(self, step: float) -> None:
        sender = self.sender()
        for chart in self.charts:
            if chart is not sender:
                chart.read_out(step)

    def _follow(self, is_following: bool) -> None:
        for chart in self.charts:
            chart.set_following(is_following)
        self.following_changed.emit(is_following)
