"""What a RUN or MODEL argument means, settled before a worker is started. No torch."""

from pathlib import Path

from engine.job.channel import ADAPTER, JOB_FILE, RECORD_FILE
from engine.job.errors import FolderError, ModelError
from engine.job.job import read_job
from engine.job.sections import STARTER
from engine.library.models import check_model, describe, locate_model
from engine.library.runs import checkpoints_of, find_run, split_step


def resolved_model(text: str, runs: Path | None) -> str:
    """A model's argument with an absolute path for a run, a checkpoint or a folder.

    Raises ModelError or FolderError when it is none of starter, folder, run, run@step, downloaded hub model;
    and when it cannot be used.
    """
    folder = Path(text).expanduser()
    if folder.is_dir() and not (folder / RECORD_FILE).is_file():
        _check_folder(folder)
        return str(folder.absolute())
    is_run_path = (Path(split_step(text)[0]).expanduser() / RECORD_FILE).is_file()
    if text == STARTER or ("/" in text and not is_run_path):  # a hub id, or a folder that does not exist
        _check_folder(locate_model(text))
        return text
    return resolved_run(text, runs)


def resolved_run(text: str, runs: Path | None) -> str:
    """A run's argument, RUN or RUN@STEP, with its absolute path; raises FolderError or ModelError."""
    name, step = split_step(text)
    run = find_run(name, runs)
    job = read_job(run / JOB_FILE)
    check_model(locate_model(job.model.source, job.model.revision))
    steps = [int(path.name.rpartition("-")[2]) for path in checkpoints_of(run)]
    if step is None and not (run / ADAPTER).is_dir():
        advice = f"Name its checkpoint: {run.name}@{steps[-1]}." if steps else "Train it first."
        raise FolderError(f"The run '{name}' has no result yet.", advice)
    if step is not None and step not in steps:
        kept = ", ".join(map(str, steps)) or "none"
        raise FolderError(f"The run '{name}' has no checkpoint of step {step}.", f"Kept are: {kept}.")
    return str(run) if step is None else f"{run}@{step}"


def _check_folder(folder: Path) -> None:
    """Raise ModelError for a folder that is neither a usable model nor an adapter."""
    info = describe(folder)
    if info.kind not in ("model", "adapter"):
        raise ModelError(info.problem, info.advice)
