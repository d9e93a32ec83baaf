"""The subsets and splits of a hub dataset, one of which can be chosen."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from engine.job.datasets import DatasetPart
from engine.job.events import DatasetFound
from gui.state.hub_data import HubDataState
from gui.state.words import count_words, size_words
from gui.widgets.key_values import KeyValues
from gui.widgets.labels import ElidedLabel, Label
from gui.widgets.look import set_look
from gui.widgets.model_row import ModelRow
from gui.widgets.select import Select


class HubParts(QWidget):
    """`chosen` when another subset or split was; `part()` is the one that is."""

    chosen = Signal()

    def __init__(self, hub: HubDataState, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._hub = hub
        self._shown: DatasetFound | None = None
        self._part: DatasetPart | None = None
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 6, 0, 0)
        layout.setSpacing(10)
        self.name = ElidedLabel("", "heading")
        self.facts = KeyValues(3, [])
        self.note = Label("", "smalltext", tone="warn", wrap=True)
        for widget in (self.name, self.facts, self.note):
            layout.addWidget(widget)
        layout.addLayout(self._subsets())
        area = QScrollArea()
        area.setWidgetResizable(True)
        inner = QWidget()
        set_look(inner, role="scrolled")
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(2)
        area.setWidget(inner)
        layout.addWidget(area, 1)

    def part(self) -> DatasetPart | None:
        """The chosen part; None while nothing was found."""
        return self._part

    def look_again(self) -> None:
        """Some of it may have been downloaded since it was shown."""
        self._shown = None
        self.refresh()

    def refresh(self) -> None:
        """Follow the state; what was chosen stays chosen while the same dataset is shown."""
        found = self._hub.found
        self.setVisible(found is not None)
        if found is None:
            self._shown, self._part = None, None
        elif found is not self._shown:
            self._shown = found
            self._fill(found)

    def _subsets(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.subset_words = Label(self.tr("Subset"), "strong")
        self.subset = Select([], "", self.tr("Subset"))
        self.subset.setMinimumWidth(220)
        self.subset.changed.connect(self._change_subset)
        self.subset_words.setBuddy(self.subset)
        row.addWidget(self.subset_words)
        row.addWidget(self.subset)
        row.addStretch(1)
        return row

    def _fill(self, found: DatasetFound) -> None:
        self.name.setText(found.repo)
        subsets = list(dict.fromkeys(part.subset for part in found.parts))
        facts = [
            (self.tr("All of it"), size_words(sum(part.bytes for part in found.parts))),
            (self.tr("Version"), found.commit[:8]),
        ]
        if len(subsets) > 1:
            facts.append((self.tr("Subsets"), count_words(len(subsets))))
        self.facts.set_pairs(facts)
        self.note.setText(found.note)
        self.note.setVisible(bool(found.note))
        self.subset.set_options([(name, name or self.tr("(top folder)")) for name in subsets])
        wished = self._hub.address.subset if self._hub.address else None
        usual = next((name for name in (wished, "default", "") if name in subsets), subsets[0])
        self.subset.set_value(str(usual))
        for widget in (self.subset, self.subset_words):
            widget.setVisible(len(subsets) > 1)
        self._fill_splits(str(usual))

    def _fill_splits(self, subset: str) -> None:
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        found = self._shown.parts if self._shown else ()
        parts = sorted((part for part in found if part.subset == subset), key=_order)
        wished = self._hub.address.split if self._hub.address else None
        usual = next((p for name in (wished, "train") for p in parts if p.split == name), None)
        usual = usual or (parts[0] if parts else None)
        self._part = usual
        for part in parts:
            row = ModelRow(
                part.split or self.tr("All rows"), self._line(part), "list", badge=self._badge(part)
            )
            row.setChecked(part == usual)
            row.setAutoExclusive(True)
            row.clicked.connect(lambda _checked=False, part=part: self._choose(part))
            self._list.addWidget(row)
        self._list.addStretch(1)

    def _line(self, part: DatasetPart) -> str:
        words = [self.tr("{n} rows").format(n=count_words(part.rows))] if part.rows is not None else []
        files = (
            self.tr("1 file") if part.files == 1 else self.tr("{n} files").format(n=count_words(part.files))
        )
        words += [size_words(part.bytes), files]
        if 0 < part.bytes_here < part.bytes:
            words.append(self.tr("{size} are here").format(size=size_words(part.bytes_here)))
        return " · ".join(words)

    def _badge(self, part: DatasetPart) -> tuple[str, str]:
        return (self.tr("On this computer"), "good") if self._hub.is_here(part) else ("", "")

    def _change_subset(self, subset: str) -> None:
        self._fill_splits(subset)
        self.chosen.emit()

    def _choose(self, part: DatasetPart) -> None:
        self._part = part
        self.chosen.emit()


def _order(part: DatasetPart) -> tuple[bool, str]:
    """What is trained on comes first."""
    return not part.split.startswith("train"), part.split
