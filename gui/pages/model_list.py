"""The left side of Model: tabs, search, and the list of each place."""

from pathlib import Path

from PySide6.QtCore import QTimer, Signal
from PySide6.QtWidgets import QFileDialog, QHBoxLayout, QScrollArea, QVBoxLayout, QWidget

from engine.job.sections import STARTER
from engine.library.folders import model_folders, starter_folder
from engine.library.hub import HubModel
from engine.library.models import ModelInfo
from gui.state.app_state import AppState
from gui.state.costs import costs_of
from gui.state.models import ModelsState
from gui.state.words import count_words, parameters_words, size_words
from gui.widgets.buttons import Button
from gui.widgets.card import Card
from gui.widgets.labels import ElidedLabel, Label, Line
from gui.widgets.look import set_look
from gui.widgets.model_row import ModelRow
from gui.widgets.search_field import SearchField
from gui.widgets.segmented import Segmented
from gui.widgets.skeleton import Skeleton

ICONS = {"model": "box", "adapter": "puzzle", "gguf": "file-box", "broken": "folder-x"}
SEARCH_MILLISECONDS = 400


class ModelList(Card):
    """`chosen(Path)` for a folder, `hub_chosen(str)` for a hub model, `tab_changed`."""

    chosen = Signal(object)
    hub_chosen = Signal(str)
    tab_changed = Signal()

    def __init__(self, state: AppState, models: ModelsState, parent: QWidget | None = None) -> None:
        super().__init__(parent=parent, padding=14)
        self._state, self._models = state, models
        self._shown: object = None
        self._hub_choice = ""
        tabs = [
            ("starter", self.tr("Starter")),
            ("local", self.tr("On this computer")),
            ("hub", self.tr("Hugging Face")),
        ]
        is_starter = state.draft.job.model.source == STARTER
        self.tabs = Segmented(tabs, "starter" if is_starter else "local", self.tr("Where"), stretch=True)
        self.tabs.changed.connect(self._change_tab)
        self.body.addWidget(self.tabs)
        self.search = SearchField(self.tr("Search by name or folder"))
        self._timer = QTimer(self, singleShot=True, interval=SEARCH_MILLISECONDS)
        self._timer.timeout.connect(self._search)
        self.search.textChanged.connect(lambda _: self._timer.start())
        self.body.addWidget(self.search)
        area = QScrollArea()
        area.setWidgetResizable(True)
        inner = QWidget()
        set_look(inner, role="scrolled")
        self._rows = QVBoxLayout(inner)
        self._rows.setContentsMargins(0, 0, 0, 0)
        self._rows.setSpacing(2)
        area.setWidget(inner)
        self.body.addWidget(area, 1)
        self.body.addWidget(Line())
        self.body.addLayout(self._foot())

    @property
    def tab(self) -> str:
        """The place that is shown: "starter", "local" or "hub"."""
        return self.tabs.value()

    def show_tab(self, tab: str) -> None:
        """Show another place."""
        self.tabs.set_value(tab)
        self._change_tab(tab)

    def refresh(self) -> None:
        """Follow the state; the rows are made anew only when they changed."""
        models, source = self._models, self._state.draft.job.model.source
        key = (
            self.tab,
            self.search.text(),
            source,
            self._hub_choice,
            tuple(info.folder for info in models.local),
            tuple(found.id for found in models.found),
            models.is_scanning,
            models.is_searching,
            models.hub_problem,
        )
        if key == self._shown:
            return
        self._shown = key
        self._clear()
        {"starter": self._fill_starter, "local": self._fill_local, "hub": self._fill_hub}[self.tab]()
        self._rows.addStretch(1)
        self.search.setVisible(self.tab != "starter")
        self.search.setPlaceholderText(
            self.tr("Search on Hugging Face") if self.tab == "hub" else self.tr("Search by name or folder")
        )
        folders = model_folders()
        more = self.tr("Looking in {first} and {n} more folders")
        self.where.setText(more.format(first=folders[0], n=len(folders) - 1))
        self.where.setVisible(self.tab == "local")
        self.folder_button.setVisible(self.tab == "local")

    def _foot(self) -> QHBoxLayout:
        row = QHBoxLayout()
        self.where = ElidedLabel("", "small")
        self.folder_button = Button(self.tr("Add a folder…"), "secondary", compact=True)
        self.folder_button.clicked.connect(self._add_folder)
        row.addWidget(self.where, 1)
        row.addWidget(self.folder_button)
        return row

    def _change_tab(self, tab: str) -> None:
        if tab == "hub":
            self._models.search_hub(self.search.text())
        self.refresh()
        self.tab_changed.emit()

    def _search(self) -> None:
        if self.tab == "hub":
            self._models.search_hub(self.search.text())
        self.refresh()

    def _add_folder(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Also look for models in this folder"))
        if name:
            folders = dict.fromkeys((*self._state.preferences.more_model_folders, name))
            self._state.set_preference("more_model_folders", tuple(folders))
            self._models.scan()

    # Rows

    def _clear(self) -> None:
        while self._rows.count():
            item = self._rows.takeAt(0)
            widget = item.widget() if item else None
            if widget is not None:
                widget.hide()
                widget.deleteLater()

    def _fill_starter(self) -> None:
        self._add_model(self._models.starter(), name=self.tr("Starter"))
        words = self.tr("A tiny model that comes with Tunewright, for trying things out in two minutes.")
        self._rows.addWidget(Label(words, "small", wrap=True))

    def _fill_local(self) -> None:
        words = self.search.text().lower().split()
        recent = [info for info in self._models.recent() if _matches(info, words)]
        if recent:
            self._rows.addWidget(Label(self.tr("Used recently"), "small"))
            for info in recent:
                self._add_model(info)
        known = {info.folder.resolve() for info in recent}
        rest = [
            info
            for info in self._models.local
            if info.folder.resolve() not in known and _matches(info, words)
        ]
        if rest:
            self._rows.addWidget(Label(self.tr("Found in your model folders"), "small"))
        for info in sorted(rest, key=lambda info: bool(info.problem)):
            self._add_model(info)
        if self._models.is_scanning and not rest:
            self._rows.addWidget(Skeleton(3))
        elif not rest and not recent:
            text = self.tr("No model found. Open a folder, or download one on the Hugging Face tab.")
            self._rows.addWidget(Label(text, "muted", wrap=True))

    def _fill_hub(self) -> None:
        if self._models.hub_problem:
            self._rows.addWidget(Label(self._models.hub_problem, "smalltext", tone="warn", wrap=True))
            retry = Button(self.tr("Retry"), "secondary", "refresh-cw", compact=True)
            retry.clicked.connect(self._models.retry_hub)
            self._rows.addWidget(retry)
            here = self.tr("The models on this computer are not affected.")
            self._rows.addWidget(Label(here, "small", wrap=True))
        elif self._models.is_searching:
            self._rows.addWidget(Skeleton(4))
        elif not self._models.found:
            self._rows.addWidget(Label(self.tr("Nothing found."), "muted"))
        for found in self._models.found:
            self._add_hub(found)

    def _add_model(self, info: ModelInfo, name: str = "") -> None:
        line = size_words(info.bytes)
        if info.parameters:
            line = f"{parameters_words(info.parameters)} {self.tr('parameters')} · {line}"
        problem = info.problem
        badge = ("", "") if problem else self._fit_badge(info)
        row = ModelRow(name or info.name, line, ICONS[info.kind], badge=badge, problem=problem)
        row.setChecked(not problem and self._is_chosen(info.folder))
        row.setProperty("folder", str(info.folder))
        row.clicked.connect(self._choose)
        self._rows.addWidget(row)

    def _add_hub(self, found: HubModel) -> None:
        parts = [self.tr("{n} downloads").format(n=count_words(found.downloads))]
        parts += [found.licence] if found.licence else []
        badge = (self.tr("Ask for access"), "warn") if found.gated else ("", "")
        row = ModelRow(found.id, " · ".join(parts), "globe", badge=badge)
        row.setChecked(found.id == self._hub_choice)
        row.setProperty("repo", found.id)
        row.clicked.connect(self._choose_hub)
        self._rows.addWidget(row)

    def _is_chosen(self, folder: Path) -> bool:
        source = self._state.draft.job.model.source
        if source == STARTER:
            return folder == starter_folder()
        return Path(source) == folder or source.replace("/", "--") in str(folder)

    def _fit_badge(self, info: ModelInfo) -> tuple[str, str]:
        job = self._state.draft.job
        costs = costs_of(job, self._state.machine.now, self._state.inspection.stats, info)
        if costs is None:
            return ("", "")
        share = costs.estimate.total / max(1, costs.estimate.free)
        if share > 1:
            return (self.tr("Too large"), "bad")
        return (self.tr("Tight"), "warn") if share > 0.85 else (self.tr("Fits"), "good")

    def _choose(self) -> None:
        row = self.sender()
        if isinstance(row, ModelRow) and not row.problem:
            self.chosen.emit(Path(str(row.property("folder"))))

    def _choose_hub(self) -> None:
        row = self.sender()
        if isinstance(row, ModelRow):
            self._hub_choice = str(row.property("repo"))
            self.hub_chosen.emit(self._hub_choice)


def _matches(info: ModelInfo, words: list[str]) -> bool:
    text = f"{info.name} {info.folder}".lower()
    return all(word in text for word in words)
