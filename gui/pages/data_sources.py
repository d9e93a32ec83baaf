"""The sources of the data: one line each, with what is taken of it and how much."""

import dataclasses
from functools import partial
from pathlib import Path

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QScrollArea, QVBoxLayout, QWidget

from engine.job.events import Inspected
from engine.job.sections import DataSource
from gui.state.sources import SourceParts, part_choices, part_value, with_part
from gui.state.words import count_words
from gui.widgets.card import Card
from gui.widgets.look import set_look
from gui.widgets.source_line import SourceLine

MOST_LINES = 4


class SourcesCard(Card):
    """`changed(sources)` with all sources after an edit of one, or without one that was taken out."""

    changed = Signal(tuple)

    def __init__(self, parts: SourceParts, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=10)
        self._parts = parts
        self._sources: tuple[DataSource, ...] = ()
        self.lines: list[SourceLine] = []
        self._area = QScrollArea()
        self._area.setWidgetResizable(True)
        inner = QWidget()
        set_look(inner, role="scrolled")
        self._list = QVBoxLayout(inner)
        self._list.setContentsMargins(0, 0, 0, 0)
        self._list.setSpacing(0)
        self._area.setWidget(inner)
        self.body.addWidget(self._area)

    def fill(self, sources: tuple[DataSource, ...], found: Inspected | None) -> None:
        """Follow the draft and what was read of it."""
        self._sources = sources
        if len(sources) != len(self.lines):
            self._make_lines(len(sources))
        reads = found.sources if found is not None and not found.is_first_look else ()
        for number, (line, source) in enumerate(zip(self.lines, sources, strict=True)):
            rows = count_words(reads[number].rows) if number < len(reads) else ""
            parts = self._parts.of(source)
            options = part_choices(source, parts, (self.tr("All of it"), self.tr("Choose…")))
            chosen = () if options else tuple(filter(None, (source.subset, source.split)))
            name, icon = _shown(source.path)
            words = self.tr("{n} rows").format(n=rows) if rows else ""
            line.show_source(" · ".join((name, *chosen)), words, icon)
            line.show_part(options, part_value(source, parts))
            line.show_numbers(source.weight, source.limit, has_others=len(sources) > 1)
        if self.lines:
            self._area.setFixedHeight(self.lines[0].height() * min(len(sources), MOST_LINES))

    def _make_lines(self, count: int) -> None:
        while self._list.count():
            item = self._list.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()
        self.lines = [self._line(number) for number in range(count)]
        for line in self.lines:
            self._list.addWidget(line)

    def _line(self, number: int) -> SourceLine:
        line = SourceLine(self)
        line.part_chosen.connect(partial(self._choose_part, number))
        line.weight_chosen.connect(lambda weight: self._edit(number, weight=weight))
        line.limit_chosen.connect(lambda limit: self._edit(number, limit=limit))
        line.removed.connect(lambda: self._put(number, ()))
        return line

    def _choose_part(self, number: int, value: str) -> None:
        source = self._sources[number]
        self._put(number, (with_part(source, self._parts.of(source), value),))

    def _edit(self, number: int, **values: float | int | None) -> None:
        changed = dataclasses.replace(self._sources[number], **values)  # type: ignore[arg-type]  # checked by the boxes
        self._put(number, (changed,))

    def _put(self, number: int, instead: tuple[DataSource, ...]) -> None:
        self.changed.emit((*self._sources[:number], *instead, *self._sources[number + 1 :]))


def _shown(source: str) -> tuple[str, str]:
    """Name and icon: a file or folder by its own name, a dataset of the hub by its whole id."""
    path = Path(source).expanduser()
    if path.is_dir():
        return path.name, "folder"
    return (path.name, "file-text") if path.is_absolute() or path.exists() else (source, "globe")
