"""Where a model's weights come from when a job names another run: its base, and what earlier runs learned on it."""

import json
from dataclasses import dataclass, replace
from pathlib import Path

from engine.job.channel import ADAPTER, JOB_FILE
from engine.job.errors import FolderError, ModelError
from engine.job.job import Job, read_job
from engine.job.words import learns_all_words
from engine.library.model_folder import ADAPTER_CONFIG
from engine.library.models import find_plain, locate_model, missing_model
from engine.library.runs import checkpoints_of, find_run, split_step
from engine.library.tokenizer_files import added_since

_LONGEST = 50


@dataclass(frozen=True)
class Lineage:
    """Weights to begin with. `source` names the base as a job does.

    `beneath`: adapters to build into the base, the earliest first. `start`: an adapter to go on with. `run`: the
    run it begins from, None for a plain model. `tokens`: the new tokens that the base gets before each of `beneath`,
    and last those that it gets after them. `earlier`: all that runs before added, also where they are part of the
    base. `learning`: those whose vectors learn.
    """

    folder: Path
    source: str
    beneath: tuple[Path, ...] = ()
    start: Path | None = None
    run: Path | None = None
    tokens: tuple[tuple[str, ...], ...] = ((),)
    earlier: tuple[str, ...] = ()
    learning: tuple[str, ...] = ()


def lineage_of(job: Job) -> Lineage:
    """What the job's model is made of, its own new tokens included.

    A run with the very adapter settings that this job has, that teaches the same words, is gone on with: its adapter
    learns on, and the result is one adapter for the first base. Else what the run learned is built into its base, and
    a new adapter begins. Raises ModelError or FolderError in one sentence.
    """
    return _of(job, _LONGEST)


def lineage(source: str, revision: str | None = None) -> Lineage:
    """As `lineage_of`, for a model, a run, run@step or an adapter's folder; all is built in."""
    return _lineage(source, revision, None, _LONGEST)


def as_trained(job: Job) -> Job:
    """The job with the new tokens that it teaches, also where it goes on with an earlier run's."""
    return replace(job, model=replace(job.model, new_tokens=lineage_of(job).learning))


def named_run(source: str) -> tuple[Path, int | None] | None:
    """The run's folder and step that a model's name means; None when it means a plain model."""
    name, step = split_step(source)
    try:
        return find_run(name), step
    except FolderError:
        return None


def result_of(run: Path, step: int | None) -> Path:
    """The folder with what a run learned, at its end or at a step; raises FolderError when it is not there."""
    if step is None:
        if (run / ADAPTER).is_dir():
            return run / ADAPTER
        raise FolderError(
            f"The run '{run.name}' has no result yet.", "Train it first, or name one of its steps."
        )
    found = {int(path.name.removeprefix("step-")): path for path in checkpoints_of(run)}
    if step not in found:
        kept = ", ".join(map(str, found)) or "none"
        raise FolderError(f"The run '{run.name}' has no checkpoint of step {step}.", f"Kept are: {kept}.")
    return found[step]


def _of(job: Job, most: int) -> Lineage:
    found = _lineage(job.model.source, job.model.revision, job, most)
    fresh = tuple(token for token in job.model.new_tokens if token not in found.earlier)
    return replace(
        found,
        tokens=(*found.tokens[:-1], (*found.tokens[-1], *fresh)),
        earlier=(*found.earlier, *fresh),
        learning=job.model.new_tokens if found.start is None else found.learning,
    )


def _lineage(source: str, revision: str | None, asking: Job | None, most: int) -> Lineage:
    if most == 0:
        raise ModelError("The runs begin from each other in a circle.", "Choose a plain model.")
    folder = find_plain(source, revision)
    if folder is not None:
        return _plain(source, folder)
    found = named_run(source)
    if found is None:
        raise missing_model(source, revision)
    run, step = found
    job, result = read_job(run / JOB_FILE), result_of(run, step)
    own = _of(job, most - 1)
    if not (result / ADAPTER_CONFIG).is_file():
        return Lineage(result, str(result), run=run, earlier=own.earlier)
    if job.moe.kind == "upcycle":
        title = f"The run '{run.name}' learned beside experts that it grew, which its base does not have."
        raise ModelError(title, "Export it as one complete model, and begin from that.")
    if asking is not None and _goes_on(asking, job, own):
        return replace(own, start=result, run=run)
    beneath, tokens = (*own.beneath, result), (*own.tokens, ())
    return replace(own, beneath=beneath, start=None, run=run, tokens=tokens, learning=())


def _goes_on(asking: Job, job: Job, own: Lineage) -> bool:
    """Whether the adapter of `job` can learn on in `asking` as it is."""
    is_kept_whole = not getattr(job.adapter.settings, "pissa", False)  # PiSSA is kept as another adapter
    everything = learns_all_words(job)
    known = own.earlier if everything else own.learning
    is_same = (asking.adapter, asking.moe) == (job.adapter, job.moe) and learns_all_words(
        asking
    ) == everything
    return is_same and is_kept_whole and set(asking.model.new_tokens) <= set(known)


def _plain(source: str, folder: Path) -> Lineage:
    config = folder / ADAPTER_CONFIG
    if not config.is_file():
        return Lineage(folder, source)
    base = json.loads(config.read_text(encoding="utf-8")).get("base_model_name_or_path")
    if not base:
        raise ModelError(f"The adapter in {folder} does not say which model it belongs to.", "Name a run.")
    place = locate_model(base)
    tokens = added_since(folder, place)
    return Lineage(place, base, (folder,), tokens=(tokens, ()), earlier=tokens)
