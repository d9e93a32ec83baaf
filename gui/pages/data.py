"""Data: drop it, see what it is, and see exactly what the model will see of it."""

import dataclasses
from pathlib import Path

from PySide6.QtWidgets import QGridLayout, QHBoxLayout, QMenu, QStackedWidget, QVBoxLayout, QWidget

from engine.job.events import Inspected, RowView
from engine.job.sections import DataSource
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.data_choose import DataChooser, open_below
from gui.pages.data_hub import HubDataCard
from gui.pages.data_lengths import LengthsCard
from gui.pages.data_remarks import RemarksCard
from gui.pages.data_rows import RowsCard
from gui.pages.data_shape import ShapeCard
from gui.pages.data_sources import SourcesCard
from gui.pages.data_tokens import TokensCard
from gui.pages.page import Page
from gui.state.app_state import AppState
from gui.state.hub_data import HubDataState
from gui.state.inspection import with_role
from gui.state.sources import SourceParts, in_place_of_missing, missing_dataset
from gui.state.words import count_words, data_words, size_words
from gui.widgets.buttons import Button
from gui.widgets.drop_zone import DropZone
from gui.widgets.fit_scroll import FitScroll
from gui.widgets.labels import Label
from gui.widgets.notice import Notice

HELP = QT_TRANSLATE_NOOP(
    "DataPage",
    "Each row is one example. The model reads the grey part and learns the coloured part. What you see below is "
    "exactly what it gets, token by token.",
)
ADDED = "added"


# Row, column, rows and columns of the cards for rows, tokens, lengths and remarks.
BESIDE = ((0, 0, 1, 1), (1, 0, 1, 1), (0, 1, 1, 1), (1, 1, 1, 1))
WIDE = ((0, 0, 1, 2), (1, 0, 1, 2), (2, 0, 1, 1), (2, 1, 1, 1))


class DataPage(Page):
    """Wires the cards to the inspection of the draft's data."""

    def __init__(self, state: AppState) -> None:
        super().__init__(state, QT_TRANSLATE_NOOP("DataPage", "Data"), "", HELP)
        self.inspection = state.inspection
        self.chooser = DataChooser(state, self)
        self.parts = SourceParts(self)
        self.hub = HubDataState(state.engine, self)
        self._hub_adds = False
        self._add_buttons()
        self.stack = QStackedWidget()
        self.drop = self._drop_view()
        self.view = self._data_view()
        self.hub_card = HubDataCard(state, self.hub)
        for widget in (self.drop, self.view, self.hub_card):
            self.stack.addWidget(widget)
        self.body.addWidget(self.stack, 1)
        self._connect()
        self._refresh()

    def entered(self) -> None:
        """Read the draft's data."""
        self.parts.forget()
        self.inspection.show()
        self._refresh()

    def left(self) -> None:
        """Nothing new is read while another page is open."""
        self.notices.clear(ADDED)
        self.inspection.hide()

    def take_drop(self, paths: list[Path]) -> None:
        """What is dropped while this page is open joins the data that is there; one click makes it the only one."""
        before = self.state.draft.job.data
        self.state.open_paths(paths, adds=True)
        new = self.state.draft.job.data[len(before) :]
        if before and new:
            names = ", ".join(Path(source.path).name for source in new)
            words = self.tr("{names} was added to the data.").format(names=names)
            actions = [(self.tr("Use only this"), lambda: self.state.use_sources(new))]
            self.notices.show_notice(ADDED, Notice("info", words, "", actions, dismissible=True))

    # Building

    def _add_buttons(self) -> None:
        self.samples_button = Button(self.tr("Samples"), "secondary", "book-open")
        self.paste_button = Button(self.tr("Paste rows…"), "secondary", "clipboard")
        self.file_button = Button(self.tr("Choose files…"), "primary", "file-up")
        self.add_button = Button(self.tr("Add data"), "secondary", "plus")
        self.replace_button = Button(self.tr("Replace data"), "secondary", "file-up")
        self.next_button = Button(self.tr("Next: Method"), "primary", "arrow-right", icon_last=True)
        self._first = (self.samples_button, self.paste_button, self.file_button)
        self._later = (self.add_button, self.replace_button, self.next_button)
        for button in (*self._first, *self._later):
            self.header.add_button(button)
        self.samples_button.clicked.connect(self._samples_menu)
        self.paste_button.clicked.connect(lambda: self.chooser.paste(adds=False))
        self.file_button.clicked.connect(lambda: self.chooser.files(adds=False))
        self.add_button.clicked.connect(lambda: open_below(self.chooser.menu(adds=True), self.add_button))
        self.replace_button.clicked.connect(
            lambda: open_below(self.chooser.menu(adds=False), self.replace_button)
        )
        self.next_button.clicked.connect(lambda: self.state.navigate.emit("method"))

    def _drop_view(self) -> QWidget:
        view = QWidget()
        layout = QVBoxLayout(view)
        layout.addStretch(1)
        zone = DropZone(
            self.tr("Drop files or a folder of examples here, or click to choose files"),
            self.tr("JSON Lines, JSON, CSV, TSV, Parquet, Arrow or plain text; several at once are fine"),
        )
        zone.setMinimumHeight(200)
        zone.clicked.connect(lambda: self.chooser.files(adds=False))
        zone.dropped.connect(self.state.open_paths)
        layout.addWidget(zone)
        layout.addSpacing(6)
        layout.addLayout(self._other_ways())
        layout.addSpacing(6)
        self.recent = QHBoxLayout()
        self.recent.setSpacing(8)
        layout.addLayout(self.recent)
        layout.addStretch(2)
        return view

    def _other_ways(self) -> QHBoxLayout:
        self.folder_button = Button(self.tr("Choose a folder…"), "secondary", "folder-open")
        self.folder_button.clicked.connect(lambda: self.chooser.folder(adds=False))
        self.hub_button = Button(self.tr("From Hugging Face…"), "secondary", "globe")
        self.hub_button.clicked.connect(lambda: self._ask_hub(adds=False))
        row = QHBoxLayout()
        row.setSpacing(8)
        row.addStretch(1)
        row.addWidget(self.folder_button)
        row.addWidget(self.hub_button)
        row.addStretch(1)
        return row

    def _data_view(self) -> QWidget:
        self.sources = SourcesCard(self.parts)
        self.shape = ShapeCard()
        self.rows = RowsCard(self.inspection)
        self.tokens = TokensCard()
        self.lengths = LengthsCard(self.state)
        self.remarks = RemarksCard(self.state)
        view = QWidget()
        layout = QVBoxLayout(view)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(14)
        layout.addWidget(self.sources)
        layout.addWidget(self.shape)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(12)
        self._is_wide: bool | None = None
        self._arrange(False)
        layout.addLayout(self._grid, 1)
        return FitScroll(view)

    def _arrange(self, is_wide: bool) -> None:
        """Rows stand beside their lengths; those of pairs take the whole width, as their two sides need it."""
        if is_wide == self._is_wide:
            return
        self._is_wide = is_wide
        cards = (self.rows, self.tokens, self.lengths, self.remarks)
        places = WIDE if is_wide else BESIDE
        for card, place in zip(cards, places, strict=True):
            self._grid.removeWidget(card)
            self._grid.addWidget(card, *place)
        for row, share in enumerate((30, 42, 28) if is_wide else (53, 47, 0)):
            self._grid.setRowStretch(row, share)
        for column, share in enumerate((50, 50) if is_wide else (63, 37)):
            self._grid.setColumnStretch(column, share)
        self.lengths.set_flat(is_wide)

    def _connect(self) -> None:
        self.inspection.changed.connect(self._refresh)
        self.inspection.rows_arrived.connect(self.rows.refresh)
        self.inspection.row_shown.connect(self._show_row)
        self.state.draft.changed.connect(self._refresh)
        self.parts.changed.connect(self._refresh)
        self.sources.changed.connect(self._change_sources)
        self.chooser.hub_asked.connect(self._ask_hub)
        self.hub.arrived.connect(self._take_hub)
        self.hub_card.closed.connect(self._close_hub)
        self.rows.role_chosen.connect(self._choose_role)
        self.tokens.changed.connect(self.state.draft.set_value)
        self.shape.shape_chosen.connect(self._choose_shape)
        self.shape.method_asked.connect(self._choose_method)

    # Choosing data

    def _samples_menu(self) -> None:
        menu = QMenu(self)
        self.chooser.samples(menu)
        open_below(menu, self.samples_button)

    def _change_sources(self, sources: tuple[DataSource, ...]) -> None:
        self.notices.clear(ADDED)
        self.state.draft.set_data(sources)

    def _ask_hub(self, adds: bool, text: str = "") -> None:
        self._hub_adds = adds
        self.stack.setCurrentWidget(self.hub_card)
        self._refresh()
        self.hub_card.ask(text)

    def _close_hub(self) -> None:
        self.stack.setCurrentWidget(self.view)
        self._refresh()

    def _take_hub(self, source: object) -> None:
        """What was asked for is here: it takes the place of a source of the same name that was not."""
        assert isinstance(source, DataSource)
        self.parts.forget()
        data = self.state.draft.job.data
        mended = in_place_of_missing(data, source)
        if mended is not None:
            self.state.draft.set_data(mended)
        else:
            self.state.use_sources((source,), self._hub_adds)
        self.state.notice.emit("success", self.tr("{name} is here and in use.").format(name=source.path), "")
        self._close_hub()

    def _choose_role(self, column: str, role: str) -> None:
        self.state.draft.set_data(with_role(self.state.draft.job, self.inspection.inspected, column, role))

    def _choose_shape(self, shape: str) -> None:
        sources = [dataclasses.replace(s, shape=shape, columns={}) for s in self.state.draft.job.data]
        self.state.draft.set_data(tuple(sources))

    def _choose_method(self, kind: str) -> None:
        self.state.draft.set_kind("method", kind)

    # Showing

    def _refresh(self) -> None:
        job = self.state.draft.job
        has_data, is_hub = bool(job.data), self.stack.currentWidget() is self.hub_card
        if not is_hub:
            self.stack.setCurrentWidget(self.view if has_data else self.drop)
        for button in self._first:
            button.setVisible(not has_data and not is_hub)
        for button in self._later:
            button.setVisible(has_data and not is_hub)
        found = self.inspection.inspected
        self.header.set_subtitle(self._subtitle(job.data, found))
        self._refresh_recent(has_data)
        self._show_failure()
        is_usable = found is not None and self.inspection.failure is None
        is_known = found is None or bool(found.rows_kind)
        for card in (self.rows, self.tokens, self.lengths, self.remarks):
            is_wanted = is_usable or (has_data and self.inspection.failure is None)
            card.setVisible(is_wanted and (is_known or card in (self.rows, self.remarks)))
        self.sources.fill(job.data, found)
        self.shape.fill(found, job.method_card, self.inspection.phase, self.inspection.failure is not None)
        self.tokens.fill(job)
        if found is not None:
            self._arrange(found.rows_kind == "preference")
            self.rows.show_columns(found)
            self.lengths.fill(found)
            self.remarks.fill(found)

    def _subtitle(self, sources: tuple[DataSource, ...], found: Inspected | None) -> str:
        if not sources:
            return self.tr("What the model should learn from.")
        parts = [data_words(self.state.draft.job)]
        if found is not None:
            word = self.tr("pairs") if found.rows_kind == "preference" else self.tr("rows")
            parts += [f"{count_words(found.rows)} {word}", size_words(found.bytes)]
        return " · ".join(parts)

    def _refresh_recent(self, has_data: bool) -> None:
        if has_data or self.recent.count():
            return
        for name in self.state.preferences.recent_data:
            if Path(name).exists():
                button = Button(Path(name).name, "secondary", "history", compact=True)
                button.clicked.connect(lambda _checked=False, name=name: self.state.open_paths([Path(name)]))
                self.recent.addWidget(button)
        if self.recent.count():
            self.recent.insertStretch(0, 1)
            self.recent.insertWidget(1, Label(self.tr("Used recently"), "small"))
            self.recent.addStretch(1)

    def _show_failure(self) -> None:
        failure = self.inspection.failure
        if failure is None:
            self.notices.clear("failure")
            return
        actions = [
            (self.tr("Try again"), self.inspection.retry),
            (self.tr("Choose other files…"), self.chooser.files),
        ]
        missing = missing_dataset(self.state.draft.job.data)
        if missing is not None:
            actions = [(self.tr("Download it…"), lambda: self._ask_hub(True, missing.path))]
        if self.inspection.can_skip:
            actions.insert(0, (self.tr("Skip malformed lines"), self.inspection.skip_malformed))
        self.notices.show_notice("failure", Notice("error", *failure, actions))

    def _show_row(self, row: object) -> None:
        assert isinstance(row, RowView)
        self.tokens.show_row(row)
