"""Export: which run, which format, where to; progress, checks and the receipt."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.adapters import ADAPTERS
from engine.job.errors import EngineError
from engine.job.events import Check, Event, Exported, Failed, Finished, Lost, Phase, Progress
from engine.job.exports import EXPORTS, export_problem
from engine.job.tasks import ExportTask
from engine.library.export_plan import ExportPlan, plan_export, run_export_problem
from engine.library.folders import models_folder
from engine.library.lineage import lineage_of
from engine.library.lora_mixture import is_lora_mixture
from engine.library.models import ModelInfo, describe
from engine.library.naming import slug
from gui.engine_thread import EngineThread
from gui.state.live_run import LiveRun
from gui.state.task import EngineTask

MARGIN_BYTES = 1_000_000


@dataclass(frozen=True)
class Space:
    """Bytes that an export needs and that the disk has."""

    needed: int
    free: int


class ExportState(QObject):
    """`changed` for everything. `status`: "", "running", "done" or "failed"."""

    changed = Signal()
    failed = Signal(str, str)

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task = EngineTask(engine, self)
        self._task.told.connect(self._take)
        self._task.refused.connect(self._refuse)
        self.run: LiveRun | None = None
        self.model: ModelInfo | None = None
        self.begins_beneath = False
        self.step: int | None = None
        self.format = "merged"
        self.type = "auto"
        self.shard_gigabytes = 5.0
        self.writes_card = True
        self.folder = Path()
        self.status = ""
        self._clear_result()

    def set_run(self, folder: Path) -> None:
        """Export this run from now on."""
        if self.run is not None and self.run.folder == folder:
            return
        self.close()
        self.run = LiveRun(folder)
        self.model, self.step, self.begins_beneath = None, None, False
        if self.run.job is not None:
            try:
                origin = lineage_of(self.run.job)
                self.model, self.begins_beneath = describe(origin.folder), bool(origin.beneath)
            except EngineError as error:
                self.failed.emit(error.title, error.advice)
        if self.problem(self.format):
            self.format = next(kind for kind in EXPORTS if not self.problem(kind))
            self.type = next(iter(EXPORTS[self.format].types))
        self.folder = models_folder() / slug(self.run.name)
        self._clear_result()
        self.changed.emit()

    def choose(self, **changes: object) -> None:
        """Change format, type, step, folder, shard_gigabytes or writes_card."""
        for name, value in changes.items():
            setattr(self, name, value)
        if "format" in changes:
            self.type = next(iter(EXPORTS[self.format].types))
        self.changed.emit()

    def problem(self, format: str) -> str:
        """Why the run's result cannot leave in that format; empty when it can."""
        if self.run is None or self.run.job is None:
            return ""
        if self.model is None or self.model.kind != "model":
            return export_problem(ADAPTERS[self.run.job.adapter.kind], format)[0]
        try:
            return run_export_problem(self.run.job, self.model, format, self.begins_beneath)[0]
        except EngineError as error:
            return error.title

    def plan(self, format: str, type: str) -> ExportPlan | None:
        """What an export will be as a model of its own; None for an adapter, and when the model is not known."""
        if self.run is None or self.run.job is None or self.model is None or format == "adapter":
            return None
        if not self.model.parameters or self.problem(format):
            return None
        return plan_export(self.run.job, self.model, format, type)

    @property
    def is_own_adapter(self) -> bool:
        """Whether what was learned, taken alone, is an adapter that only Tunewright opens."""
        job = self.run.job if self.run else None
        return job is not None and (ADAPTERS[job.adapter.kind].saves == "own" or is_lora_mixture(job))

    def size(self, format: str, type: str) -> int | None:
        """Bytes of an export, estimated from the parameters; None when the model is not known."""
        if format == "adapter":
            return self._adapter_bytes()
        plan = self.plan(format, type)
        return plan.file_bytes + MARGIN_BYTES if plan else None

    def space(self) -> Space:
        """What the chosen export needs, and what is free where it goes."""
        existing = next((p for p in (self.folder, *self.folder.parents) if p.exists()), Path("/"))
        return Space(self.size(self.format, self.type) or 0, shutil.disk_usage(existing).free)

    def target(self) -> Path:
        """Where the export really goes: nothing is ever overwritten."""
        return free_target(self.folder)

    def start(self) -> None:
        """Begin the export."""
        if self.run is None or self.status == "running":
            return
        source = str(self.run.folder) if self.step is None else f"{self.run.folder}@{self.step}"
        self._clear_result()
        task = ExportTask(
            run=source,
            format=self.format,
            type=self.type,
            out=str(self.target()),
            shard_gigabytes=self.shard_gigabytes,
            card=self.writes_card,
        )
        self.status = "running"
        if not self._task.start(task, f"Export {self.run.name}"):
            self.status = "failed"
        self.changed.emit()

    def cancel(self) -> None:
        """End the export; the engine removes what was half written."""
        self._task.close()
        self._clear_result()
        self.changed.emit()

    def close(self) -> None:
        """Look away; an export in progress is cancelled."""
        self._task.close()

    def _clear_result(self) -> None:
        self.status = ""
        self.phase = ""
        self.progress: Progress | None = None
        self.checks: list[Check] = []
        self.exported: Exported | None = None
        self.seconds = 0.0

    def _adapter_bytes(self) -> int | None:
        if self.run is None:
            return None
        folder = self.run.folder / "adapter"
        return sum(p.stat().st_size for p in folder.rglob("*") if p.is_file()) if folder.is_dir() else None

    def _refuse(self, title: str, advice: str) -> None:
        self.status = "failed"
        self.failed.emit(title, advice)
        self.changed.emit()

    def _take(self, event: Event) -> None:
        match event:
            case Phase(title=title):
                self.phase, self.progress = title, None
            case Progress():
                self.progress = event
            case Check():
                self.checks.append(event)
            case Exported():
                self.exported = event
            case Finished(seconds=seconds):
                self.seconds = seconds
                self.status = "done" if self.exported else ""
            case Failed(title=title, advice=advice) | Lost(title=title, advice=advice):
                self._refuse(title, advice)
                return
            case _:
                return
        self.changed.emit()


def free_target(folder: Path) -> Path:
    """The folder itself, or "name (2)" and so on when it exists."""
    number, candidate = 2, folder
    while candidate.exists():
        candidate = folder.with_name(f"{folder.name} ({number})")
        number += 1
    return candidate


def load_snippet(exported: Exported, is_own: bool = False) -> str:
    """Python lines that open the export with stock libraries; `is_own`: an adapter that only Tunewright opens."""
    if exported.format == "gguf":
        return f'llama-cli -m "{exported.path}"'
    if exported.format == "adapter" and is_own:
        return f'tunewright compare "{exported.path}" --prompt "Hello"'
    if exported.format == "adapter":
        return (
            "from peft import AutoPeftModelForCausalLM\n"
            f"model = AutoPeftModelForCausalLM.from_pretrained({exported.path!r})"
        )
    return (
        "from transformers import AutoModelForCausalLM, AutoTokenizer\n"
        f"model = AutoModelForCausalLM.from_pretrained({exported.path!r})\n"
        f"tokenizer = AutoTokenizer.from_pretrained({exported.path!r})"
    )
