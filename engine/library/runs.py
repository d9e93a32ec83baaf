"""The run store: one folder per run, found by name, deleted into a trash. Also the short-lived task folders."""

import dataclasses
import difflib
import json
import re
import secrets
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from engine.job.channel import CHECKPOINTS, JOB_FILE, RECORD_FILE
from engine.job.errors import FolderError
from engine.job.job import Job
from engine.job.record import RunRecord, read_record, update_record, write_record
from engine.job.tasks import ExportTask, Task, task_kind, write_task
from engine.library.alive import is_alive, settle
from engine.library.folders import runs_folder, tasks_folder, trash_folder
from engine.library.models import find_plain
from engine.library.naming import fresh_folder, move_to_free, slug

_TASK_DAYS = 3
_TRASHED_FILE = "trashed.json"
_CHECKPOINT_NAME = re.compile(r"step-(\d+)")


@dataclass(frozen=True)
class RunInfo:
    """A run in the store."""

    folder: Path
    record: RunRecord


def create_run(job: Job, runs: Path | None = None, parent: str | None = None) -> Path:
    """Make the folder of a new run with its job.toml and run.json. `parent` is the folder it continues from.

    A job whose model is another run has that run as its parent, named by its folder from then on. Raises FolderError when the store cannot be written.
    """
    store = runs or runs_folder()
    job, parent = _with_parent(job, parent, store)
    name = _unused_name(_job_name(job), store)
    record = RunRecord(
        name=name,
        model=source_words(job.model.source),
        data=", ".join(Path(source.path).name for source in job.data),
        method=_method_words(job),
        parent=parent,
    )
    folder = fresh_folder(store, f"{time.strftime('%Y-%m-%d')}-{slug(_job_name(job))}")
    return _filled(folder, dataclasses.replace(job, name=name), record)


def _with_parent(job: Job, parent: str | None, store: Path) -> tuple[Job, str | None]:
    if find_plain(job.model.source, job.model.revision) is not None:
        return job, parent
    name, step = split_step(job.model.source)
    try:
        run = find_run(name, store)
    except FolderError:
        return job, parent
    source = str(run) if step is None else f"{run}@{step}"
    model = dataclasses.replace(job.model, source=source, revision=None)
    return dataclasses.replace(job, model=model), parent or str(run)


def source_words(source: str) -> str:
    """A short name for a model: that of a folder or hub model, or of the run that is begun from."""
    path = Path(split_step(source)[0]).expanduser()
    return _record_of(path).name if _is_run(path) else Path(source).name or source


def create_task(task: Task, title: str) -> Path:
    """Make a short-lived folder for a task beside training, with its job.toml and run.json."""
    kind = task_kind(task)
    model = task.run if isinstance(task, ExportTask) else ""
    stamp = f"{kind}-{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(3)}"
    return _filled(fresh_folder(tasks_folder(), stamp), task, RunRecord(name=title, task=kind, model=model))


def list_runs(runs: Path | None = None) -> list[RunInfo]:
    """The runs in the store, newest first. A folder that is not a run is passed over."""
    store = runs or runs_folder()
    if not store.is_dir():
        return []
    found = [RunInfo(folder, _record_of(folder)) for folder in store.iterdir() if _is_run(folder)]
    return sorted(found, key=lambda run: (run.record.created, run.folder.name), reverse=True)


def find_run(text: str, runs: Path | None = None) -> Path:
    """The folder of a run by its path, folder name or name; raises FolderError with the nearest one."""
    store = runs or runs_folder()
    if not text.strip():
        raise FolderError("No run was named.", "Give a name from 'runs list' or a folder.")
    path = Path(text).expanduser()
    if _is_run(path):
        return path.absolute()
    infos = list_runs(store)
    for match in (_by_folder, _by_name, _by_name_loosely):
        folders = [info.folder for info in infos if match(info, text)]
        if len(folders) == 1:
            return folders[0]
        if folders:
            names = ", ".join(folder.name for folder in folders)
            raise FolderError(
                f"{len(folders)} runs are called '{text}'.", f"Give the folder's name: {names}."
            )
    raise _no_run(text, path, infos, store)


def split_step(text: str) -> tuple[str, int | None]:
    """Split "run@200" into ("run", 200), and a text without a step into (text, None)."""
    name, at, step = text.rpartition("@")
    digits = step.removeprefix("step-")
    return (name, int(digits)) if at and name and digits.isascii() and digits.isdigit() else (text, None)


def checkpoints_of(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, by step; one being written has another name until it is whole."""
    home = folder / CHECKPOINTS
    if not home.is_dir():
        return []
    steps = {path: _CHECKPOINT_NAME.fullmatch(path.name) for path in home.iterdir() if path.is_dir()}
    return sorted((p for p, match in steps.items() if match), key=lambda p: int(p.name.removeprefix("step-")))


def delete_run(folder: Path) -> Path:
    """Move a run into its store's trash and return where it lies there; `restore_run` undoes it.

    A run whose record is damaged can be deleted too. Raises FolderError when it is not a run, is still going, or
    cannot be moved.
    """
    record = _settled(folder)
    if is_alive(record):
        raise FolderError(f"'{record.name}' is still running.", "Stop it first.")
    trash = trash_folder(folder.absolute().parent)
    note = {"from": str(folder.absolute()), "time": time.time()}
    try:
        trash.mkdir(exist_ok=True)
        (folder / _TRASHED_FILE).write_text(json.dumps(note), encoding="utf-8")
        return move_to_free(folder, trash / folder.name)
    except OSError as error:
        advice = "Check that the folder is writable."
        raise FolderError(f"{folder} cannot be moved to the trash: {error.strerror}.", advice) from None


def restore_run(trashed: Path) -> Path:
    """Move a deleted run back to where it was and return that place; raises FolderError."""
    note = trashed / _TRASHED_FILE
    try:
        home = Path(json.loads(note.read_text(encoding="utf-8"))["from"])
        restored = move_to_free(trashed, home)
        (restored / _TRASHED_FILE).unlink()
    except (OSError, ValueError, KeyError):
        raise FolderError(f"{trashed} cannot be restored.", "Move the folder back by hand.") from None
    return restored


def clean_tasks() -> int:
    """Remove the task folders that nobody has touched for three days and count them."""
    oldest = time.time() - _TASK_DAYS * 86400
    removed = 0
    for folder in tasks_folder().glob("*/"):
        with suppress(OSError, FolderError):  # in use, or someone else removed it
            if _last_touched(folder) < oldest and not (_is_run(folder) and is_alive(read_record(folder))):
                shutil.rmtree(folder)
                removed += 1
    return removed


def rename_run(folder: Path, name: str) -> RunRecord:
    """Give a run another name (its folder stays); raises FolderError when the name is empty."""
    clean = " ".join(name.split())
    if not clean:
        raise FolderError("A run needs a name.", "Enter at least one character.")
    return update_record(folder, name=clean)


def _job_name(job: Job) -> str:
    if job.name.strip():
        return " ".join(job.name.split())
    return Path(job.data[0].path).stem if job.data else job.method_card.title


def _method_words(job: Job) -> str:
    rank = getattr(job.adapter.settings, "rank", None)
    adapter = f"{job.adapter.kind}" + (f" rank {rank}" if rank else "")
    experts = "" if job.moe.kind == "none" else f", {job.moe.kind}"
    return f"{job.method.kind} {adapter}{experts}"


def _unused_name(name: str, store: Path) -> str:
    """`name`, or "name (2)" and so on: two runs of one name cannot be told apart."""
    taken = {info.record.name for info in list_runs(store)}
    number = 1
    unused = name
    while unused in taken:
        number += 1
        unused = f"{name} ({number})"
    return unused


def _filled(folder: Path, task: Task, record: RunRecord) -> Path:
    try:
        write_task(task, folder / JOB_FILE)
        write_record(folder, record)  # last: a folder with a record is a complete run
    except FolderError:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    return folder


def _is_run(folder: Path) -> bool:
    try:
        return (folder / RECORD_FILE).is_file()
    except (OSError, ValueError):  # a text that cannot be a path
        return False


def _record_of(folder: Path) -> RunRecord:
    """The record, or one that says that it is damaged: such a run must be seen to be mended or deleted."""
    try:
        return read_record(folder)
    except FolderError as error:
        created = folder.stat().st_mtime
        return RunRecord(name=folder.name, status="lost", created=created, message=error.title)


def _settled(folder: Path) -> RunRecord:
    """The record, with a worker that died marked as lost; a stand-in for a damaged one."""
    try:
        return settle(folder)
    except FolderError:
        if not _is_run(folder):
            raise
        return _record_of(folder)


def _by_folder(info: RunInfo, text: str) -> bool:
    return info.folder.name == text


def _by_name(info: RunInfo, text: str) -> bool:
    return info.record.name == text


def _by_name_loosely(info: RunInfo, text: str) -> bool:
    return text.strip().casefold() in (info.record.name.casefold(), info.folder.name.casefold())


def _no_run(text: str, path: Path, infos: list[RunInfo], store: Path) -> FolderError:
    with suppress(OSError, ValueError):
        if path.is_dir():
            advice = "Give a run's name from 'runs list' or its folder."
            return FolderError(f"{path} is not a run: {RECORD_FILE} is missing.", advice)
    names = {name.casefold(): name for info in infos for name in (info.record.name, info.folder.name)}
    near = difflib.get_close_matches(text.casefold(), names, n=1, cutoff=0.5)
    advice = (
        f"Did you mean '{names[near[0]]}'?" if near else f"'runs list' shows the {len(infos)} runs there."
    )
    return FolderError(f"There is no run '{text}' in {store}.", advice)


def _last_touched(folder: Path) -> float:
    return max([folder.stat().st_mtime, *(path.stat().st_mtime for path in folder.iterdir())])
