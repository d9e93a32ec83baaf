"""What an export will be, told before it is made: kind of model, weights, size beside the base's, what to know."""

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QVBoxLayout, QWidget

from engine.library.export_plan import ExportPlan, loaded_bytes, makes_experts
from engine.library.lora_mixture import NOT_DENSE
from gui.state.export import ExportState
from gui.state.words import parameters_words, size_words
from gui.widgets.badge import Badge
from gui.widgets.icon_label import IconLabel
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import Label
from gui.widgets.progress import Progress


class ExportOutcome(QWidget):
    """Follows format and precision of the state with `refresh`."""

    def __init__(self, export: ExportState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._export = export
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(12)
        top = QHBoxLayout()
        top.addWidget(Label(self.tr("What comes out"), "strong"))
        top.addStretch(1)
        self.architecture = Badge("", "accent")
        top.addWidget(self.architecture)
        layout.addLayout(top)
        self.figures = KeyValues(3, [])
        layout.addWidget(self.figures)
        self.bars = SizeBars()
        layout.addWidget(self.bars)
        self.note = Label("", "smalltext", wrap=True)
        layout.addWidget(self.note)
        self.caveat = QWidget()
        row = QHBoxLayout(self.caveat)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(IconLabel("triangle-alert", "warn", 18))
        self.caveat_words = Label("", "smalltext", wrap=True)
        row.addWidget(self.caveat_words, 1)
        layout.addWidget(self.caveat)

    def refresh(self) -> None:
        """Follow the state."""
        export = self._export
        if export.run is None or export.run.job is None or export.model is None:
            return
        plan = export.plan(export.format, export.type)
        self.bars.setVisible(plan is not None)
        if plan is None:
            self._tell_adapter()
        else:
            self.architecture.set(plan.architecture)
            self.figures.set_pairs(
                [*_weights(self, plan), (self.tr("Memory to load it"), size_words(plan.memory_bytes))]
            )
            self.bars.show_plan(plan)
        has_made = plan is not None and makes_experts(export.run.job)
        self.note.setText(NOT_DENSE if has_made else "")
        self.note.setVisible(has_made)
        self.caveat_words.setText(plan.caveat if plan else "")
        self.caveat.setVisible(bool(plan and plan.caveat))

    def facts(self) -> list[tuple[str, str]]:
        """The same, briefly, for the receipt: of a model with experts alone."""
        plan = self._export.plan(self._export.format, self._export.type)
        if plan is None or plan.active == plan.parameters:
            return []
        return [(self.tr("Kind of model"), plan.architecture), *_weights(self, plan)]

    def _tell_adapter(self) -> None:
        export = self._export
        model = export.model
        assert model is not None
        size = export.size("adapter", "") or 0
        own = export.is_own_adapter
        self.architecture.set(self.tr("Tunewright's own") if own else self.tr("PEFT adapter"))
        self.figures.set_pairs(
            [
                (self.tr("File"), size_words(size)),
                (self.tr("Needs beside it"), model.name),
                (self.tr("Memory for both"), size_words(size + loaded_bytes(model))),
            ]
        )


class SizeBars(QWidget):
    """Two bars: the base's files and the export's."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(12)
        grid.setVerticalSpacing(6)
        self.title = Label("", "small")
        grid.addWidget(self.title, 0, 0, 1, 3)
        self.base = self._row(grid, 1, self.tr("The base"), "muted")
        self.export = self._row(grid, 2, self.tr("This export"), "accent")
        grid.setColumnStretch(1, 1)

    def show_plan(self, plan: ExportPlan) -> None:
        """Draw both to one scale."""
        longest = max(plan.file_bytes, plan.base_bytes, 1)
        for (bar, label), size in ((self.base, plan.base_bytes), (self.export, plan.file_bytes)):
            bar.set_fraction(size / longest)
            label.setText(size_words(size))
        times = self.locale().toString(plan.times_base, "f", 1)
        known = self.tr("On disk: {times} times the base").format(times=times)
        self.title.setText(known if plan.base_bytes else self.tr("On disk"))

    @staticmethod
    def _row(grid: QGridLayout, place: int, name: str, tone: str) -> tuple[Progress, Label]:
        bar, label = Progress(8, tone, name), Label("", "medium")
        grid.addWidget(Label(name, "smalltext"), place, 0)
        grid.addWidget(bar, place, 1)
        grid.addWidget(label, place, 2)
        return bar, label


def _weights(widget: QWidget, plan: ExportPlan) -> list[tuple[str, str]]:
    """Weights in all, and those that a token goes through where they are fewer."""
    found = [(widget.tr("Weights"), parameters_words(plan.parameters))]
    if plan.active < plan.parameters:
        found.append((widget.tr("Active per token"), parameters_words(plan.active)))
    return found
