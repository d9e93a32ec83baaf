"""The tasks beside training: chat (compare), export, inspect, download. Their `job.toml` names the task.

A task is a settings dataclass, written and checked like every other section:

    task = "export"
    [export]
    run = "/path/to/run"
    format = "merged"
"""

from dataclasses import dataclass
from pathlib import Path

from engine.job.errors import JobError
from engine.job.exports import EXPORTS
from engine.job.job import Job, job_from_values, job_values, read_toml, write_toml
from engine.job.settings import read_section, section_values, setting, unknown_name


@dataclass(frozen=True)
class ChatTask:
    """Answer prompts with several models side by side, then wait for more questions."""

    models: tuple[str, ...] = setting((), "Models", "'starter', folders, hub ids, runs or run@step.")
    device: str = setting("auto", "Device", "What does the computing.")
    stay: bool = setting(True, "Wait for questions", "Stay loaded and answer Ask commands until cancelled.")


@dataclass(frozen=True)
class ExportTask:
    """Write a run's result in a format of its own."""

    run: str = setting("", "Run", "The run's folder, or run@step.")
    format: str = setting(
        "merged", "Format", "What to take away.", choices={k: c.title for k, c in EXPORTS.items()}
    )
    type: str = setting("auto", "Precision", "Number format of the weights.")
    out: str = setting("", "Folder", "Where the export is written; it must not exist.")
    shard_gigabytes: float = setting(
        5.0, "Largest single file", "Larger models are split.", unit="GB", above=0.0
    )
    card: bool = setting(True, "Include settings and licence", "Write a model card.")


@dataclass(frozen=True)
class DownloadTask:
    """Fetch a hub model, or one split of a dataset, into the local cache."""

    repo: str = setting("", "Model or dataset", "Hugging Face id such as org/name.")
    revision: str = setting("main", "Version", "Branch, tag or commit.")
    kind: str = setting(
        "model", "Kind", "What the id names.", choices={"model": "A model", "dataset": "A dataset"}
    )
    subset: str | None = setting(None, "Subset", "Which part of a dataset that has several.")
    split: str | None = setting(None, "Split", "Which split of a dataset.")
    only_look: bool = setting(False, "Only look", "Tell a dataset's parts and sizes, fetch nothing.")


@dataclass(frozen=True)
class InspectTask:
    """Read and tokenise the data of a draft job, then wait for Show commands."""

    job: Job


Task = Job | ChatTask | ExportTask | DownloadTask | InspectTask
TASKS: dict[str, type] = {"chat": ChatTask, "export": ExportTask, "download": DownloadTask}


def task_kind(task: Task) -> str:
    """The name of a task: "train", "chat", "export", "inspect" or "download"."""
    if isinstance(task, InspectTask):
        return "inspect"
    kinds = {cls: kind for kind, cls in TASKS.items()}
    return kinds.get(type(task), "train")


def read_task(path: Path) -> Task:
    """What a `job.toml` asks for; raises JobError in one sentence."""
    values = read_toml(path)
    kind = values.pop("task", "train")
    if kind == "train":
        return job_from_values(values, path.parent)
    if kind == "inspect":
        return InspectTask(job_from_values(values, path.parent))
    if kind not in TASKS:
        raise unknown_name(str(kind), str(kind), ["train", "inspect", *TASKS], what="task")
    section = values.get(kind, {})
    if not isinstance(section, dict):
        raise JobError(f"'{kind}' is not a section.", f"Write [{kind}] on a line of its own.")
    task: Task = read_section(TASKS[kind], section, kind)
    return task


def write_task(task: Task, path: Path) -> None:
    """Write a task's `job.toml`, complete and atomically."""
    match task:
        case Job():
            write_toml(job_values(task), path)
        case InspectTask(job=job):
            write_toml({"task": "inspect", **job_values(job)}, path)
        case _:
            kind = task_kind(task)
            write_toml({"task": kind, kind: section_values(task)}, path)
