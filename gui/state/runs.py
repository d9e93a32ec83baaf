"""The run store as the Runs page shows it: rows, curves, and what differs between runs."""

import json
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.adapters import ADAPTERS
from engine.job.channel import EVENTS_FILE
from engine.job.errors import EngineError
from engine.job.job import CARD_SECTIONS, PLAIN_SECTIONS, Choice, Job, read_job
from engine.job.moe import MOE
from engine.job.record import RunRecord
from engine.job.settings import setting_fields
from engine.library.runs import list_runs, settle, source_words
from gui.state.background import in_background

SPARK_POINTS = 60


@dataclass(frozen=True)
class Curves:
    """A run's losses: (step, tokens, seconds, value) each."""

    training: tuple[tuple[float, float, float, float], ...] = ()
    validation: tuple[tuple[float, float, float, float], ...] = ()
    memory: int = 0
    seconds: float = 0.0

    def spark(self) -> list[float]:
        """The training loss in few points."""
        values = [point[3] for point in self.training]
        stride = max(1, len(values) // SPARK_POINTS)
        return [
            sum(values[i : i + stride]) / len(values[i : i + stride]) for i in range(0, len(values), stride)
        ]


@dataclass(frozen=True)
class RunRow:
    """One run of the table. `parent` is the name of the run it began from, "" for a plain model."""

    folder: Path
    record: RunRecord
    job: Job | None
    curves: Curves
    parent: str = ""


class RunsState(QObject):
    """`rows`, newest first; `changed` after each (background) reading."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.rows: list[RunRow] = []
        self.has_read = False
        self._cache: dict[tuple[Path, int], Curves] = {}
        self._is_reading = False
        self._reads_again = False

    def read(self) -> None:
        """Read the store in the background."""
        if self._is_reading:
            self._reads_again = True
            return
        self._is_reading = True
        in_background(self, self._read_rows, self._take, self._failed)

    def _read_rows(self) -> object:
        rows = []
        for info in list_runs():
            try:
                record = settle(info.folder)
            except EngineError:  # damaged: `list_runs` already says so
                record = info.record
            parent = source_words(record.parent) if record.parent else ""
            curves = self._curves_of(info.folder)
            rows.append(RunRow(info.folder, record, _job_of(info.folder), curves, parent))
        return rows

    def _curves_of(self, folder: Path) -> Curves:
        try:
            stamp = (folder / EVENTS_FILE).stat().st_mtime_ns
        except OSError:
            return Curves()
        if (folder, stamp) not in self._cache:
            self._cache[folder, stamp] = read_curves(folder / EVENTS_FILE)
        return self._cache[folder, stamp]

    def _take(self, rows: object) -> None:
        assert isinstance(rows, list)
        self.rows = rows
        self._end()
        self.changed.emit()

    def _failed(self, _title: str, _advice: str) -> None:
        self._end()
        self.changed.emit()

    def _end(self) -> None:
        self.has_read, self._is_reading = True, False
        if self._reads_again:
            self._reads_again = False
            self.read()


def read_curves(path: Path) -> Curves:
    """The losses in an events file, without building every event."""
    training: list[tuple[float, float, float, float]] = []
    validation: list[tuple[float, float, float, float]] = []
    began, memory, tokens, last = None, 0, 0.0, 0.0
    with path.open(encoding="utf-8", errors="replace") as file:
        for line in file:
            if '"kind": "st' not in line and '"kind": "evaluated"' not in line:
                continue
            try:
                event = json.loads(line)
            except ValueError:
                continue
            began = began if began is not None else event["time"]
            last = event["time"] - began
            kind, loss = event["kind"], event.get("loss")
            if kind == "step":
                tokens += event["tokens"]
                memory = max(memory, event["memory"])
            if loss is not None and kind in ("step", "evaluated"):
                target = training if kind == "step" else validation
                while target and target[-1][0] >= event["step"]:
                    target.pop()  # what an earlier try had told beyond the checkpoint
                target.append((event["step"], tokens, last, loss))
    return Curves(tuple(training), tuple(validation), memory, last)


def differing_settings(jobs: list[Job]) -> tuple[list[tuple[str, list[str]]], int]:
    """(label, value of each job) for every setting that is not the same, and how many are the same."""
    values = [setting_words(job) for job in jobs]
    labels = list(dict.fromkeys(label for found in values for label in found))
    rows = [(label, [found.get(label, "–") for found in values]) for label in labels]
    differing = [(label, texts) for label, texts in rows if len(set(texts)) > 1]
    return differing, len(rows) - len(differing)


def setting_words(job: Job) -> dict[str, str]:
    """Every setting of a job by its label."""
    words = {"Data": ", ".join(Path(source.path).name for source in job.data)}
    words["Task (method)"] = job.method_card.subtitle
    words["Part that changes (adapter)"] = ADAPTERS[job.adapter.kind].title
    words["Split into experts (mixture of experts)"] = MOE[job.moe.kind].title
    for section in (*PLAIN_SECTIONS, *CARD_SECTIONS):
        target = getattr(job, section)
        settings = target.settings if isinstance(target, Choice) else target
        for field in setting_fields(type(settings)):
            label = field.setting.label + (f" ({field.setting.term})" if field.setting.term else "")
            value = getattr(settings, field.name)
            words[label] = _value_words(value, field.setting.auto)
    return words


def _value_words(value: object, auto: str) -> str:
    if value is None:
        return auto or "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, tuple):
        return ", ".join(str(item) for item in value) or "–"
    return str(value)


def _job_of(folder: Path) -> Job | None:
    try:
        return read_job(folder / "job.toml")
    except EngineError:
        return None
