"""A dataset from Hugging Face: named, its parts and sizes seen, then one of them downloaded."""

from PySide6.QtCore import QUrl, Signal
from PySide6.QtGui import QDesktopServices
from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.library.hub_client import endpoint
from gui.pages.data_hub_parts import HubParts
from gui.pages.data_hub_problem import HubProblem
from gui.state.app_state import AppState
from gui.state.hub_data import HubDataState
from gui.state.words import size_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.empty_state import EmptyState
from gui.widgets.labels import Label, Line
from gui.widgets.progress import Progress
from gui.widgets.search_field import SearchField
from gui.widgets.skeleton import Skeleton


class HubDataCard(Card):
    """`closed` when the person wants back to the page."""

    closed = Signal()

    def __init__(self, state: AppState, hub: HubDataState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=20, title=" ", subtle=" ")
        self._hub = hub
        self.set_title(self.tr("A dataset from Hugging Face"))
        self.set_subtle(self.tr("Nothing of yours is uploaded."))
        self.close_button = Button(self.tr("Back"), "secondary", "arrow-left", compact=True)
        self.close_button.clicked.connect(self.closed)
        self.add_to_header(self.close_button)
        self.body.addLayout(self._question())
        self.empty = EmptyState(
            "database",
            self.tr("Type a dataset's name, or paste the address of its page"),
            self.tr("Its parts and their sizes are shown before anything is downloaded."),
        )
        self.skeleton = Skeleton(4)
        self.problem = HubProblem(state, hub)
        self.parts = HubParts(hub)
        self.parts.chosen.connect(self.refresh)
        for widget in (self.empty, self.skeleton, self.problem, self.parts):
            self.body.addWidget(widget, 1 if widget in (self.empty, self.parts) else 0)
        self._stretch = QWidget()
        self.body.addWidget(self._stretch, 1)
        self.bar = Progress(8, "accent", self.tr("Download progress"))
        self.bar_words = Label("", "muted")
        self.body.addWidget(self.bar)
        self.body.addWidget(self.bar_words)
        self.body.addWidget(Line())
        self.body.addLayout(self._buttons())
        hub.changed.connect(self.refresh)
        self.refresh()

    def ask(self, text: str = "") -> None:
        """Be ready for a name; a given one is looked up at once."""
        if text:
            self.edit.setText(text)
            self._hub.look(text)
        self.parts.look_again()
        self.refresh()
        self.edit.setFocus()

    def refresh(self) -> None:
        """Follow the state."""
        hub = self._hub
        has_found, has_problem = hub.found is not None, hub.problem is not None
        self.empty.setVisible(not (has_found or has_problem or hub.is_looking))
        self.skeleton.setVisible(hub.is_looking)
        self.problem.refresh()
        self.parts.refresh()
        self._stretch.setVisible(not (self.empty.isVisibleTo(self) or has_found))
        is_loading = hub.download is not None
        for widget in (self.edit, self.look_button, self.parts):
            widget.setEnabled(not is_loading)
        self._refresh_download()
        part = self.parts.part()
        self.take_button.setVisible(has_found and not is_loading)
        self.take_button.setEnabled(part is not None)
        self.look_button.set_kind("secondary" if has_found else "primary")
        self.page_button.setVisible(hub.address is not None)
        if part is not None and not is_loading:
            rest = size_words(part.bytes - part.bytes_here)
            is_here = hub.is_here(part)
            words = self.tr("Use it") if is_here else self.tr("Download {size}").format(size=rest)
            self.take_button.set_label(words, "check" if is_here else "download")

    def _refresh_download(self) -> None:
        download = self._hub.download
        for widget in (self.bar, self.bar_words, self.pause_button, self.cancel_button):
            widget.setVisible(download is not None)
        if download is None:
            return
        self.bar.set_busy(not download.total)
        if download.total:
            self.bar.set_fraction(download.done / download.total)
        words = self.tr("{done} of {total}").format(
            done=size_words(download.done), total=size_words(download.total)
        )
        is_paused = download.state == "paused"
        self.bar_words.setText(f"{words} · {self.tr('paused')}" if is_paused else words)
        self.pause_button.set_label(
            self.tr("Continue") if is_paused else self.tr("Pause"), "play" if is_paused else "pause"
        )

    def _question(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.edit = SearchField(self.tr("org/name, or https://huggingface.co/datasets/…"))
        self.edit.setAccessibleName(self.tr("Name or address of the dataset"))
        self.edit.returnPressed.connect(self._look)
        self.look_button = Button(self.tr("Look it up"), "primary")
        self.look_button.clicked.connect(self._look)
        row.addWidget(self.edit, 1)
        row.addWidget(self.look_button)
        return row

    def _buttons(self) -> QHBoxLayout:
        row = QHBoxLayout()
        row.setSpacing(8)
        self.take_button = Button(self.tr("Download"), "primary", "download")
        self.take_button.clicked.connect(self._take)
        self.pause_button = Button(self.tr("Pause"), "secondary", "pause")
        self.pause_button.clicked.connect(self._hub.pause)
        self.cancel_button = Button(self.tr("Cancel"), "secondary", "x")
        self.cancel_button.clicked.connect(self._hub.cancel)
        self.page_button = Button(self.tr("Open its page"), "secondary", "external-link")
        self.page_button.clicked.connect(self._open_page)
        for button in (self.take_button, self.pause_button, self.cancel_button, self.page_button):
            row.addWidget(button)
        row.addStretch(1)
        return row

    def _look(self) -> None:
        self._hub.look(self.edit.text())

    def _take(self) -> None:
        part = self.parts.part()
        if part is not None:
            self._hub.take(part)

    def _open_page(self) -> None:
        if self._hub.address is not None:
            QDesktopServices.openUrl(QUrl(f"{endpoint()}/datasets/{self._hub.address.repo}"))
