"""How long the rows are, where they are cut, and how many are kept back for checking."""

from PySide6.QtWidgets import QBoxLayout, QHBoxLayout, QVBoxLayout, QWidget

from engine.job.events import Inspected
from engine.job.job import with_value
from gui.state.app_state import AppState
from gui.state.costs import room_of
from gui.state.words import count_words
from gui.widgets.card import Card
from gui.widgets.histogram import Histogram
from gui.widgets.labels import Label, Line, TermLabel
from gui.widgets.number_box import NumberBox
from gui.widgets.slider import ValueSlider

BUCKETS = 32
SMALLEST_CUT = 8


class LengthsCard(Card):
    """The line in the histogram and the box below it are the draft's max tokens; the slider is its validation."""

    def __init__(self, state: AppState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, title=self.tr("How long the rows are"), subtle=" ")
        self._state = state
        self._found: Inspected | None = None
        self.histogram = Histogram(self.tr("Token lengths of the rows"))
        self.histogram.cut_moved.connect(self._preview)
        self.histogram.cut_chosen.connect(self._choose_cut)
        self._flow = QBoxLayout(QBoxLayout.Direction.TopToBottom)
        self._flow.setSpacing(10)
        self._flow.addWidget(self.histogram, 1)
        self._flow.addLayout(self._controls())
        self.body.addLayout(self._flow, 1)

    def set_flat(self, is_flat: bool) -> None:
        """Put the controls beside the histogram instead of below it."""
        way = QBoxLayout.Direction
        self._flow.setDirection(way.LeftToRight if is_flat else way.TopToBottom)
        self._flow.setSpacing(20 if is_flat else 10)

    def _controls(self) -> QVBoxLayout:
        found = QVBoxLayout()
        found.setSpacing(10)
        row = QHBoxLayout()
        self.cut_box = NumberBox(1024, SMALLEST_CUT, 1_000_000, whole=True, name=self.tr("Longest row"))
        self.cut_box.setFixedWidth(74)
        self.cut_box.changed.connect(self._choose_cut)
        label = TermLabel(self.tr("Longest row"), self.tr("max tokens"))
        label.set_buddy(self.cut_box)
        row.addWidget(label, 1)
        row.addWidget(self.cut_box)
        found.addLayout(row)
        self.cut_words = Label("", "small", wrap=True)
        found.addWidget(self.cut_words)
        found.addWidget(Line())
        row = QHBoxLayout()
        row.addWidget(TermLabel(self.tr("Kept back for checking"), self.tr("validation")), 1)
        self.kept_words = Label("", "strong")
        row.addWidget(self.kept_words)
        found.addLayout(row)
        self.slider = ValueSlider(
            0, 50, 10, self.tr("Kept back for checking"), whole=True, box=False, show=lambda _: ""
        )
        self.slider.changed.connect(self._choose_share)
        found.addWidget(self.slider)
        return found

    def fill(self, found: Inspected) -> None:
        """Follow the inspection."""
        self._found = found
        rows = self._state.draft.job.rows
        highest = max([*found.lengths, *found.lengths_rejected, 1])
        top = max(highest * 1.1, min(rows.max_tokens * 1.05, highest * 2), 16)
        series = [(self.tr("Chosen") if found.lengths_rejected else self.tr("Rows"), found.lengths, "accent")]
        if found.lengths_rejected:
            series.append((self.tr("Rejected"), found.lengths_rejected, "series2"))
        counted = [(label, _counts(lengths, top), role) for label, lengths, role in series]
        self.histogram.set_series(counted, 0, top)
        self.histogram.set_cut(rows.max_tokens, SMALLEST_CUT)
        self.cut_box.set_value(rows.max_tokens)
        self.set_subtle(self.tr("typical {n} tokens").format(n=found.percentiles.get("p50", 0)))
        self._preview(rows.max_tokens)
        self.slider.set_value(round(rows.validation * 100))
        words = self.tr("{share} %, {rows} rows")
        self.kept_words.setText(
            words.format(share=round(rows.validation * 100), rows=count_words(found.validation_rows))
        )

    def _preview(self, cut: int) -> None:
        if self._found is None:
            return
        room = room_of(with_value(self._state.draft.job, "rows.max_tokens", cut))
        over = sum(length > room for length in (*self._found.lengths, *self._found.lengths_rejected))
        words = (
            self.tr("{n} rows are cut.").format(n=count_words(over)) if over else self.tr("No row is cut.")
        )
        self.cut_words.setText(self.tr("Drag the line or type.") + " " + words)

    def _choose_cut(self, cut: object) -> None:
        if isinstance(cut, int | float):
            self._state.draft.set_value("rows.max_tokens", int(cut))

    def _choose_share(self, percent: float) -> None:
        self._state.draft.set_value("rows.validation", round(percent) / 100)


def _counts(lengths: tuple[int, ...], top: float) -> list[int]:
    counts = [0] * BUCKETS
    for length in lengths:
        counts[min(BUCKETS - 1, int(length / top * BUCKETS))] += 1
    return counts
