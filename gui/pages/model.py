"""Model: what will learn. Three places to look, and the details of what is chosen."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QHBoxLayout

from engine.job.errors import EngineError
from engine.library.folders import models_folder
from engine.library.models import describe, locate_model
from gui.language import QT_TRANSLATE_NOOP
from gui.pages.model_details import ModelDetails
from gui.pages.model_hub import HubDetails
from gui.pages.model_list import ModelList
from gui.pages.page import Page
from gui.state.app_state import AppState
from gui.state.models import ModelsState
from gui.widgets.buttons import Button

HELP = QT_TRANSLATE_NOOP(
    "ModelPage",
    "A language model is a folder of weights with a tokenizer. The bundled starter is tiny and good for trying "
    "things out; any model folder in Hugging Face format of a known family can be trained.",
)


class ModelPage(Page):
    """List on the left, details on the right."""

    def __init__(self, state: AppState) -> None:
        subtitle = QT_TRANSLATE_NOOP("ModelPage", "The model that will learn from your examples.")
        super().__init__(state, QT_TRANSLATE_NOOP("ModelPage", "Model"), subtitle, HELP)
        self.models = ModelsState(state, self)
        self.open_button = Button(self.tr("Open a folder…"), "secondary", "folder-open")
        self.next_button = Button(self.tr("Next: Data"), "primary", "arrow-right", icon_last=True)
        self.header.add_button(self.open_button)
        self.header.add_button(self.next_button)
        self.list = ModelList(state, self.models)
        self.details = ModelDetails(state)
        self.hub = HubDetails(state, self.models)
        row = QHBoxLayout()
        row.setSpacing(14)
        row.addWidget(self.list, 40)
        row.addWidget(self.details, 60)
        row.addWidget(self.hub, 60)
        self.body.addLayout(row, 1)
        self._connect()
        self._refresh()

    def entered(self) -> None:
        """Look through the folders again."""
        self.models.scan()
        self._refresh()

    def _connect(self) -> None:
        self.open_button.clicked.connect(self._open)
        self.next_button.clicked.connect(lambda: self.state.navigate.emit("data"))
        self.list.chosen.connect(self.models.choose)
        self.list.hub_chosen.connect(self._show_hub)
        self.list.tab_changed.connect(self._refresh)
        self.models.changed.connect(self._refresh)
        self.state.draft.changed.connect(self._follow)

    def _open(self) -> None:
        name = QFileDialog.getExistingDirectory(self, self.tr("Choose a model folder"), str(models_folder()))
        if not name:
            return
        info = describe(Path(name))
        if info.problem:
            self.state.notice.emit("error", info.problem, info.advice)
            return
        self.list.show_tab("local")
        self.models.choose(Path(name))

    def _show_hub(self, repo: str) -> None:
        self.hub.show_repo(repo)
        self.models.ask_plan(repo)

    def _follow(self) -> None:
        if self.is_in_view:
            self._refresh()

    def _refresh(self) -> None:
        is_hub = self.list.tab == "hub"
        self.details.setVisible(not is_hub)
        self.hub.setVisible(is_hub)
        self.list.refresh()
        self.hub.refresh()
        section = self.state.draft.job.model
        try:
            folder = locate_model(section.source, section.revision)
        except EngineError as error:
            self.details.show_problem(section.source, error.title, error.advice)
            self.next_button.set_blocked(self.tr("Choose a model first"))
            return
        info = describe(folder)
        self.details.show_model(info)
        self.next_button.set_blocked(self.tr("Choose a model that can be trained") if info.problem else "")
