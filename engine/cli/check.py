"""A job from its file and options, and all that can be wrong with it looked at before a run is made of it."""

import dataclasses
from argparse import ArgumentParser, Namespace
from dataclasses import dataclass
from pathlib import Path

from engine.cli.fetching import fetch_data
from engine.cli.output import Output
from engine.data.dataset import RowSet, open_rows, split
from engine.job.clashes import refuse_clashes
from engine.job.errors import DataError, JobError
from engine.job.job import Job, read_job, require_data, resolved_data, with_text
from engine.library.devices import choose_device, machine
from engine.library.lora_mixture import refuse_lora_mixture
from engine.library.models import ModelInfo, check_model, locate_model
from engine.library.room import longest_row


def add_job_options(parser: ArgumentParser) -> None:
    """`JOB.toml` and what changes its fields."""
    parser.add_argument("job", metavar="JOB.toml", type=Path, help="the job file")
    add_set_option(parser)


def add_set_option(parser: ArgumentParser) -> None:
    """`--set section.field=value`, as often as wanted."""
    parser.add_argument(
        "--set",
        dest="assignments",
        metavar="SECTION.FIELD=VALUE",
        action="append",
        default=[],
        help="another value for a field of the job (can be repeated)",
    )


def asked_job(options: Namespace) -> Job:
    """The job file with the options of `add_job_options` applied; raises JobError."""
    return with_assignments(read_job(options.job), options.assignments)


def with_assignments(job: Job, assignments: list[str]) -> Job:
    """The job with every `section.field=value` applied; relative paths are taken from the current folder."""
    for assignment in assignments:
        job = with_text(job, assignment)
    data = tuple(dataclasses.replace(source, path=_data_path(source.path)) for source in job.data)
    source = job.model.source
    if source.strip() and (source.startswith(".") or Path(source).expanduser().is_dir()):
        source = _absolute(source)
    return dataclasses.replace(job, data=data, model=dataclasses.replace(job.model, source=source))


@dataclass(frozen=True)
class Checked:
    """What was looked at: the job's model and its rows."""

    model: ModelInfo
    rows: RowSet


def check_job(job: Job, output: Output) -> Checked:
    """Raise an InputError for anything wrong with a job's choices, data, model or device; hub data is fetched first."""
    require_data(job)
    refuse_clashes(job)
    check_device(job)
    info = check_model(locate_model(job.model.source, job.model.revision))
    refuse_lora_mixture(job, info)
    longest_row(job, info)
    fetch_data(job, output)
    rows = open_rows(job.data, job.method_card.rows, job.method_card.title, job.rows)
    learned, _ = split(rows.rows, job.rows.validation, job.train.seed)
    if not learned:
        names = ", ".join(Path(source.path).name for source in job.data)
        raise DataError(f"{names} has no row to learn from.", "Add rows, or keep fewer back for checking.")
    return Checked(info, rows)


def check_device(job: Job) -> None:
    """Raise JobError when the job asks for a device that this computer does not have or cannot use."""
    kind = job.device.kind
    if kind == "auto":
        return
    found = machine()
    if choose_device(found, kind) is None:
        reason = next((device.reason for device in found.devices if device.kind == kind), "")
        why = reason or "this computer has no such device"
        raise JobError(f"'device.kind' is '{kind}', but {why}.", "Set device.kind to 'auto' or 'cpu'.")


def _data_path(path: str) -> str:
    return resolved_data(path, Path.cwd()) if path else path


def _absolute(path: str) -> str:
    return str(Path(path).expanduser().absolute()) if path else path
