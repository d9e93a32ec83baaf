"""Below the table of runs: their curves over each other, and the settings that differ."""

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from engine.library.arithmetic import time_words
from gui.state.runs import RunRow, differing_settings
from gui.state.words import capital, number_words, size_words, split_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.chart import Chart
from gui.widgets.chart_spec import overlay_spec
from gui.widgets.labels import ElidedLabel, Label, Line
from gui.widgets.legend import Legend
from gui.widgets.look import set_look
from gui.widgets.segmented import Segmented

ROLES = ("accent", "series2", "series3", "series4")


class RunsDetails(QWidget):
    """`show_runs` with at most four runs."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._rows: Sequence[RunRow] = ()
        self._chart: Chart | None = None
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        row.addWidget(self._curves_card(), 54)
        row.addWidget(self._table_card(), 46)

    def show_runs(self, rows: Sequence[RunRow]) -> None:
        """Lay these runs' curves over each other and list what differs."""
        self._rows = rows
        self._draw()
        self._fill_table()

    def table_text(self) -> str:
        """The table of differences, tab-separated."""
        lines = ["\t".join(["", *(row.record.name for row in self._rows)])]
        for label, texts in self._lines():
            lines.append("\t".join([label, *texts]))
        return "\n".join(lines) + "\n"

    def _curves_card(self) -> Card:
        self.curves = Card(self.tr("Curves"))
        kinds = [("validation", self.tr("Validation")), ("training", self.tr("Training"))]
        self.kind = Segmented(kinds, "training", self.tr("Curve"))
        axes = [("step", self.tr("Steps")), ("tokens", self.tr("Tokens")), ("seconds", self.tr("Time"))]
        self.axis = Segmented(axes, "step", self.tr("Along x"))
        self.kind.changed.connect(lambda _: self._draw())
        self.axis.changed.connect(lambda _: self._draw())
        self.curves.add_to_header(self.kind)
        self.curves.add_to_header(self.axis)
        return self.curves

    def _table_card(self) -> Card:
        self.differences = Card(self.tr("What differs"), " ")
        area = QScrollArea()
        area.setWidgetResizable(True)
        inner = QWidget()
        set_look(inner, role="scrolled")
        column = QVBoxLayout(inner)
        column.setContentsMargins(0, 0, 0, 0)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(12)
        self._grid.setVerticalSpacing(7)
        column.addLayout(self._grid)
        column.addStretch(1)
        area.setWidget(inner)
        self.differences.body.addWidget(area, 1)
        foot = QHBoxLayout()
        foot.addStretch(1)
        copy = Button(self.tr("Copy table"), "secondary", "copy", compact=True)
        copy.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.table_text()))
        foot.addWidget(copy)
        self.differences.body.addLayout(foot)
        return self.differences

    def _draw(self) -> None:
        if self._chart is not None:
            self.curves.body.removeWidget(self._chart)
            self._chart.deleteLater()
        names = [(str(row.folder), row.record.name) for row in self._rows]
        self._chart = Chart(overlay_spec("runs", self.tr("Loss"), names))
        self._chart.set_axis(self.axis.value())  # type: ignore[arg-type]  # one of the three above
        for row in self._rows:
            points = row.curves.training if self.kind.value() == "training" else row.curves.validation
            for step, tokens, seconds, loss in points:
                self._chart.add(str(row.folder), step, loss, tokens, seconds)
        self.curves.body.addWidget(self._chart, 1)

    def _lines(self) -> list[tuple[str, list[str]]]:
        jobs = [row.job for row in self._rows if row.job is not None]
        differing, _ = differing_settings(jobs) if len(jobs) == len(self._rows) > 1 else ([], 0)
        return [*differing, *self._results()]

    def _results(self) -> list[tuple[str, list[str]]]:
        rows = self._rows
        begun = [(self.tr("Begins from"), [row.parent or "–" for row in rows])]
        splits = [capital(split_words(row.job)) if row.job is not None else "" for row in rows]
        return [
            *(begun if any(row.parent for row in rows) else []),
            *([(self.tr("Split into experts"), [words or "–" for words in splits])] if any(splits) else []),
            (self.tr("Best validation loss"), [number_words(row.record.best_loss) for row in rows]),
            (self.tr("Last training loss"), [number_words(row.record.last_loss) for row in rows]),
            (self.tr("Steps"), [f"{row.record.step} / {row.record.steps}" for row in rows]),
            (self.tr("Time taken"), [time_words(row.curves.seconds) for row in rows]),
            (self.tr("Most memory used"), [size_words(row.curves.memory) for row in rows]),
            (self.tr("Notes"), [row.record.notes or "–" for row in rows]),
        ]

    def _fill_table(self) -> None:
        while self._grid.count():
            item = self._grid.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.deleteLater()
        if not self._rows:
            return
        jobs = [row.job for row in self._rows if row.job is not None]
        differing, same = differing_settings(jobs) if len(jobs) == len(self._rows) else ([], 0)
        words = self.tr("{count} other settings are the same").format(count=same) if len(jobs) > 1 else ""
        self.differences.set_subtle(words)
        for column, row in enumerate(self._rows, 1):
            self._grid.addWidget(Legend([(row.record.name, ROLES[column - 1], 1.0)]), 0, column)
            self._grid.setColumnStretch(column, 1)
        line = 1
        for group in (differing if len(jobs) > 1 else [], self._results()):
            if group:
                self._grid.addWidget(Line(), line, 0, 1, len(self._rows) + 1)
                line += 1
            for label, texts in group:
                self._grid.addWidget(Label(label, "smalltext", tone="muted"), line, 0)
                for column, text in enumerate(texts, 1):
                    self._grid.addWidget(
                        ElidedLabel(text, "smalltext"), line, column, Qt.AlignmentFlag.AlignTop
                    )
                line += 1
