"""A dataset of the hub: looked at, then one of its splits downloaded. All calls are made by the engine's process."""

from PySide6.QtCore import QObject, Signal

from engine.job.commands import Pause, Resume
from engine.job.datasets import DatasetPart
from engine.job.errors import EngineError
from engine.job.events import DatasetFound, Downloaded, Event, Failed, Finished, Lost, Progress
from engine.job.sections import DataSource
from engine.job.tasks import DownloadTask
from engine.library.hub_address import DatasetAddress, read_address
from engine.library.hub_client import offline_reason
from engine.library.hub_data import CONVERTED, is_here
from gui.engine_thread import EngineThread
from gui.state.models import Download
from gui.state.task import EngineTask


class HubDataState(QObject):
    """`changed` for what was found and the download; `arrived(DataSource)` when the chosen split is here."""

    changed = Signal()
    arrived = Signal(object)

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.address: DatasetAddress | None = None
        self.found: DatasetFound | None = None
        self.problem: tuple[str, str] | None = None
        self.is_looking = False
        self.download: Download | None = None
        self._wanted: DataSource | None = None
        self._look = EngineTask(engine, self)
        self._look.told.connect(self._take_look)
        self._look.refused.connect(self._fail_look)
        self._load = EngineTask(engine, self)
        self._load.told.connect(self._take_load)
        self._load.refused.connect(self._fail_load)

    @property
    def has_copy(self) -> bool:
        """Whether the hub's own Parquet copy may help where the dataset itself cannot be used."""
        return self.problem is not None and CONVERTED in self.problem[1]

    @property
    def is_offline(self) -> bool:
        """Whether no call may be made."""
        return bool(offline_reason())

    def look(self, text: str, revision: str | None = None) -> None:
        """Ask what a dataset holds; `text` is its id or the address of its page."""
        self.found, self.problem, self.is_looking = None, None, False
        try:
            self.address = read_address(text)
        except EngineError as error:
            self.address, self.problem = None, (error.title, error.advice)
            self.changed.emit()
            return
        version = revision or self.address.revision or "main"
        task = DownloadTask(repo=self.address.repo, revision=version, kind="dataset", only_look=True)
        self.is_looking = self._look.start(task, f"Look at {self.address.repo}")
        self.changed.emit()

    def look_at_copy(self) -> None:
        """Look at the hub's own Parquet copy."""
        if self.address is not None:
            self.look(self.address.repo, CONVERTED)

    def look_again(self) -> None:
        """Ask once more, as after an access token was saved."""
        if self.address is not None:
            self.look(self.address.repo, self.address.revision)

    def source_of(self, part: DatasetPart) -> DataSource:
        """The source that a part is, in the version that was looked at."""
        assert self.found is not None
        several = len({other.subset for other in self.found.parts}) > 1
        return DataSource(
            path=self.found.repo,
            subset=part.subset if several else None,
            split=part.split or None,
            revision=self.found.commit,
        )

    def is_here(self, part: DatasetPart) -> bool:
        """Whether a part can be used without a download."""
        source = self.source_of(part)
        return is_here(source.path, source.subset, source.split, source.revision)

    def take(self, part: DatasetPart) -> None:
        """Use a part: downloaded first where it is not here. A second try goes on where the first was cut off."""
        source = self.source_of(part)
        assert self.found is not None
        if self.is_here(part):
            self.arrived.emit(source)
            return
        self.problem, self._wanted = None, source
        self.download = Download(source.path, part.bytes_here, part.bytes)
        task = DownloadTask(
            repo=source.path,
            revision=self.found.revision,
            kind="dataset",
            subset=source.subset,
            split=source.split,
        )
        self._load.start(task, f"Download {source.path}")
        self.changed.emit()

    def pause(self) -> None:
        """Pause the download, or go on."""
        if self.download is not None:
            is_paused = self.download.state == "paused"
            self._load.send(Resume() if is_paused else Pause())
            self.download.state = "running" if is_paused else "paused"
            self.changed.emit()

    def cancel(self) -> None:
        """End the download; what is here already is used by the next try."""
        self._load.close()
        self.download = None
        self.look_again()

    def close(self) -> None:
        """End what is going on."""
        self._look.close()
        self._load.close()

    def _take_look(self, event: Event) -> None:
        match event:
            case DatasetFound():
                self.found, self.is_looking = event, False
            case Failed(title=title, advice=advice) | Lost(title=title, advice=advice):
                self._fail_look(title, advice)
                return
            case _:
                return
        self.changed.emit()

    def _fail_look(self, title: str, advice: str) -> None:
        self.is_looking, self.problem = False, (title, advice)
        self.changed.emit()

    def _take_load(self, event: Event) -> None:
        match event:
            case Progress(done=done, total=total) if self.download is not None:
                self.download.done, self.download.total = done, total or self.download.total
            case Downloaded(repo=repo, revision=commit) if self._wanted is not None:
                self.download = None
                wanted = self._wanted
                self.arrived.emit(
                    DataSource(path=repo, subset=wanted.subset, split=wanted.split, revision=commit)
                )
            case Failed(title=title, advice=advice) | Lost(title=title, advice=advice):
                self._fail_load(title, advice)
                return
            case Finished():
                self.download = None
            case _:
                return
        self.changed.emit()

    def _fail_load(self, title: str, advice: str) -> None:
        self.download, self.problem = None, (title, advice)
        self.changed.emit()
