"""The models and prompts that the draft puts together: looked at in the background, with words for each line."""

from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.errors import EngineError
from engine.job.job import Job
from engine.job.moe_settings import AssembleSettings
from engine.library.assembling import read_prompts, refuse_source
from engine.library.models import ModelInfo
from engine.library.runs import list_runs
from gui.state.background import in_background
from gui.state.draft import Draft
from gui.state.experts import FEWEST, base_of

Rows = tuple[tuple[str, str], ...]


class Assembling(QObject):
    """Follows the draft; `changed` when the lines were looked at."""

    changed = Signal()

    def __init__(self, draft: Draft, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._asked: object = None
        self._found: object = None
        self._problems: tuple[str, ...] = ()
        draft.changed.connect(lambda: self.look(draft.job))
        self.look(draft.job)

    def look(self, job: Job, again: bool = False) -> None:
        """See in the background whether each model and its prompts can be used, once unless asked `again`."""
        key = _key(job)
        if key is None or (key == self._asked and not again):
            return
        self._asked = key
        in_background(self, lambda: (key, _looked_at(job)), self._take)

    def problems(self, job: Job) -> tuple[str, ...]:
        """A sentence for each line of the job, "" for a good one; none at all while they are not known."""
        return self._problems if self._found is not None and self._found == _key(job) else ()

    def refusal_of(self, job: Job) -> tuple[str, str]:
        """Why a run of the job cannot start, and what to do; two empty texts when it can."""
        if _key(job) is None:
            return "", ""
        advice = "See “Split into experts?” on the Method page."
        if self._found != _key(job):
            return "The models of the experts are being looked at.", "Wait a moment."
        return next((words for words in self._problems if words), ""), advice

    def _take(self, found: object) -> None:
        assert isinstance(found, tuple)
        self._found, self._problems = found
        self.changed.emit()


def rows_of(job: Job) -> Rows:
    """The lines as they are edited, (model, prompts) each: at least as many as an assembled model needs."""
    settings = job.moe.settings
    if not isinstance(settings, AssembleSettings):
        return ()
    count = max(FEWEST, len(settings.sources), len(settings.prompts))
    sources, prompts = (_padded(part, count) for part in (settings.sources, settings.prompts))
    return tuple(zip(sources, prompts, strict=True))


def cleaned(text: str, *, may_be_name: bool) -> str:
    """What a person wrote, as the job holds it: a path complete, as the job lies elsewhere.

    What is not there may be the name of a run or of a model of the hub, which stays.
    """
    text = text.strip()
    path = Path(text).expanduser()
    is_name = may_be_name and not path.exists()
    return text if not text or is_name else str(path.absolute())


def finished_runs() -> list[tuple[str, str]]:
    """(name, folder) of the runs with a result, the newest first. Reads the store: not for the window's thread."""
    found = [info for info in list_runs() if info.record.status in ("done", "stopped")]
    return [(info.record.name, str(info.folder)) for info in found]


def _padded(texts: tuple[str, ...], count: int) -> tuple[str, ...]:
    return (*texts, *("",) * (count - len(texts)))


def _key(job: Job) -> object:
    """What the words depend on; None for a job that assembles nothing."""
    return (job.model, rows_of(job)) if isinstance(job.moe.settings, AssembleSettings) else None


def _looked_at(job: Job) -> tuple[str, ...]:
    base = base_of(job)
    return tuple(_problem(source, prompts, base) for source, prompts in rows_of(job))


def _problem(source: str, prompts: str, base: ModelInfo | None) -> str:
    if not source:
        return "Choose a model." if prompts else "Choose a model, and a file with prompts for it."
    try:
        if base is not None:
            refuse_source(source, base)
        if not prompts:
            return "Choose a text file with prompts of its topic, one a line."
        read_prompts(prompts)
    except EngineError as error:
        return str(error)
    return ""
