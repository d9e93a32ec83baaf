"""What a model's name means: which base weights, what learned on top of them, and how to call it."""

import json
from dataclasses import dataclass
from pathlib import Path

from engine.job.channel import ADAPTER, JOB_FILE, RECORD_FILE, events_of
from engine.job.errors import FolderError, ModelError
from engine.job.events import Trained
from engine.job.job import Job, read_job
from engine.job.record import read_record
from engine.job.sections import STARTER
from engine.library.lineage import lineage_of, result_of
from engine.library.models import describe, is_hub_id, locate_model
from engine.library.runs import checkpoints_of, find_run, split_step
from engine.library.tokenizer_files import added_since
from engine.models.adapters import ADAPTER_CONFIG


@dataclass(frozen=True)
class Place:
    """Where the weights lie. `learned` is an adapter's folder, or that of a model trained whole; None: a base.

    `beneath` are adapters of earlier runs, which are built into the base before it. `job`, `run` and `step` are
    there for a run. `source` names the base as the first job does. `tokens` are the new tokens that the base gets
    before each of `beneath`, and last those it gets after them.
    """

    title: str
    base: Path
    source: str
    learned: Path | None = None
    beneath: tuple[Path, ...] = ()
    job: Job | None = None
    run: Path | None = None
    step: int | None = None
    tokens: tuple[tuple[str, ...], ...] = ((),)


def find_place(text: str) -> Place:
    """Resolve 'starter', a folder, a hub id, a run or run@step.

    Raises ModelError or FolderError in one sentence when there is no such thing, or a run has no result yet.
    """
    name, step = split_step(text)
    if text != STARTER and not _is_model_path(text):
        try:
            run = find_run(name)
        except FolderError:
            if not is_hub_id(text):
                raise
        else:
            return _run_place(run, step)
    return _model_place(text)


def find_run_place(text: str) -> Place:
    """Resolve a run or run@step; raises FolderError for anything else."""
    name, step = split_step(text)
    return _run_place(find_run(name), step)


def _is_model_path(text: str) -> bool:
    path = Path(text).expanduser()
    return path.is_dir() and not (path / RECORD_FILE).is_file()


def _model_place(text: str) -> Place:
    folder = locate_model(text)
    info = describe(folder)
    if info.kind != "adapter":
        title = "Starter" if text == STARTER else text.rpartition("/")[2] if is_hub_id(text) else folder.name
        return Place(title=title, base=folder, source=text)
    source = _base_of(folder)
    base = locate_model(source)
    tokens = (added_since(folder, base),)
    return Place(title=folder.name, base=base, source=source, learned=folder, tokens=tokens)


def _base_of(adapter: Path) -> str:
    """The base that an adapter's own folder names."""
    config = json.loads((adapter / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    base = config.get("base_model_name_or_path")
    if not base:
        raise ModelError(f"The adapter in {adapter} does not say which model it belongs to.", "Name a run.")
    return str(base)


def _run_place(run: Path, step: int | None) -> Place:
    record, job = read_record(run), read_job(run / JOB_FILE)
    origin = lineage_of(job)
    if step is None:
        learned, step = run / ADAPTER, _last_step(run, record.step)
        if not learned.is_dir():
            steps = [int(path.name.removeprefix("step-")) for path in checkpoints_of(run)]
            advice = f"Use its checkpoint: {run.name}@{steps[-1]}." if steps else "Train it first."
            raise FolderError(f"The run '{record.name}' has no result yet.", advice)
        title = record.name
    else:
        learned, title = result_of(run, step), f"{record.name}, step {step}"
    base = (origin.folder, origin.source, learned, origin.beneath)
    return Place(title, *base, job, run, step, origin.tokens)


def _last_step(run: Path, fallback: int) -> int:
    steps = [event.step for event in events_of(run) if isinstance(event, Trained)]
    return steps[-1] if steps else fallback
