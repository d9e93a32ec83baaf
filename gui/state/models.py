"""Models to choose from: the starter, those on this computer, those on the hub; and one download."""

from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.commands import Pause, Resume
from engine.job.events import Downloaded, Event, Failed, Finished, Lost, Progress
from engine.job.sections import STARTER
from engine.job.tasks import DownloadTask
from engine.library.folders import model_folders, starter_folder
from engine.library.hub import DownloadPlan, HubModel, plan, search
from engine.library.models import ModelInfo, describe, find_models
from engine.library.preferences import with_recent
from gui.state.app_state import AppState
from gui.state.background import in_background
from gui.state.task import EngineTask


@dataclass
class Download:
    """A download in progress: bytes done and in all; `state`: "running", "paused" or "failed"."""

    repo: str
    done: int = 0
    total: int = 0
    state: str = "running"


class ModelsState(QObject):
    """`changed` for lists, hub and download; what is chosen stands in the draft."""

    changed = Signal()

    def __init__(self, state: AppState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._state = state
        self.local: list[ModelInfo] = []
        self.is_scanning = False
        self.found: list[HubModel] = []
        self.hub_problem = ""
        self.is_searching = False
        self.query: str | None = None
        self.plan: DownloadPlan | None = None
        self.plan_problem: tuple[str, str] | None = None
        self.download: Download | None = None
        self._task = EngineTask(state.engine, self)
        self._task.told.connect(self._take)
        self._task.refused.connect(self._fail_download)

    # On this computer

    def scan(self) -> None:
        """Look through the model folders in the background."""
        if not self.is_scanning:
            self.is_scanning = True
            in_background(self, lambda: find_models(model_folders()), self._take_local, self._fail_scan)
            self.changed.emit()

    def starter(self) -> ModelInfo:
        """The bundled model."""
        return describe(starter_folder())

    def recent(self) -> list[ModelInfo]:
        """The models used last that are still there."""
        paths = [Path(name) for name in self._state.preferences.recent_models]
        return [describe(path) for path in paths if path.exists()]

    def choose(self, folder: Path) -> None:
        """Make a folder the draft's model."""
        is_starter = folder == starter_folder()
        self._state.draft.set_value("model.source", STARTER if is_starter else str(folder))
        if not is_starter:
            self._remember(str(folder))

    # On the hub

    def search_hub(self, query: str) -> None:
        """Search the hub in the background; without a network `hub_problem` says so."""
        if query == self.query and not self.hub_problem:
            return
        self.query = query
        self.is_searching = True
        self.hub_problem = ""
        in_background(self, lambda: (query, search(query)), self._take_found, self._fail_search)
        self.changed.emit()

    def retry_hub(self) -> None:
        """Try again after the network was away."""
        query, self.query = self.query or "", None
        self.search_hub(query)

    def ask_plan(self, repo: str) -> None:
        """Ask for the size of a model before it is downloaded."""
        self.plan, self.plan_problem = None, None
        in_background(self, lambda: plan(repo), self._take_plan, self._fail_plan)
        self.changed.emit()

    def start_download(self, repo: str) -> None:
        """Fetch a model; a second try goes on where the first was cut off."""
        total = self.plan.bytes if self.plan and self.plan.repo == repo else 0
        self.download = Download(repo, 0, total)
        if not self._task.start(DownloadTask(repo=repo), f"Download {repo}"):
            self.download = None
        self.changed.emit()

    def pause_download(self) -> None:
        """Pause or go on."""
        if self.download is not None:
            is_paused = self.download.state == "paused"
            self._task.send(Resume() if is_paused else Pause())
            self.download.state = "running" if is_paused else "paused"
            self.changed.emit()

    def cancel_download(self) -> None:
        """End the download; what is here already is used by the next try."""
        self._task.close()
        self.download = None
        self.changed.emit()

    def _take_local(self, found: object) -> None:
        assert isinstance(found, list)
        self.local, self.is_scanning = found, False
        self.changed.emit()

    def _fail_scan(self, title: str, advice: str) -> None:
        self.is_scanning = False
        self._state.notice.emit("error", title, advice)
        self.changed.emit()

    def _take_found(self, answer: object) -> None:
        assert isinstance(answer, tuple)
        query, found = answer
        if query == self.query:
            self.found, self.is_searching = found, False
            self.changed.emit()

    def _fail_search(self, title: str, advice: str) -> None:
        self.is_searching, self.found = False, []
        self.hub_problem = f"{title} {advice}".strip()
        self.changed.emit()

    def _take_plan(self, found: object) -> None:
        assert isinstance(found, DownloadPlan)
        self.plan = found
        self.changed.emit()

    def _fail_plan(self, title: str, advice: str) -> None:
        self.plan_problem = (title, advice)
        self.changed.emit()

    def _fail_download(self, title: str, advice: str) -> None:
        self.download = None
        self.plan_problem = (title, advice)
        self.changed.emit()

    def _take(self, event: Event) -> None:
        match event:
            case Progress(done=done, total=total) if self.download is not None:
                self.download.done, self.download.total = done, total or self.download.total
            case Downloaded(repo=repo, path=path):
                self.download = None
                self._state.draft.set_value("model.source", repo)
                self._remember(path)
                self._state.notice.emit("success", f"{repo} is here and chosen.", "")
                self.scan()
            case Failed(title=title, advice=advice) | Lost(title=title, advice=advice):
                self._fail_download(title, advice)
                return
            case Finished():
                self.download = None
            case _:
                return
        self.changed.emit()

    def _remember(self, folder: str) -> None:
        changed = with_recent(self._state.preferences, "recent_models", folder)
        self._state.set_preference("recent_models", changed.recent_models)
