"""train and resume: a run made or taken up again, and watched to its end."""

import dataclasses
from argparse import ArgumentParser, Namespace
from pathlib import Path

from engine.cli.check import add_job_options, asked_job, check_job
from engine.cli.follow import End, begin, work_through
from engine.cli.output import Output
from engine.cli.progress import EventPrinter
from engine.cli.summary import Summary
from engine.cli.verb import Verb
from engine.job.channel import JOB_FILE
from engine.job.commands import Stop
from engine.job.errors import FolderError
from engine.job.job import Job, read_job
from engine.library.runs import checkpoints_of, create_run, find_run, is_alive, settle


def runs_of(options: Namespace) -> Path | None:
    """The run store that `--runs` chose, None for the usual one."""
    return Path(options.runs).expanduser().absolute() if options.runs else None


def train_to_end(folder: Path, output: Output) -> tuple[Summary, End]:
    """Start a worker on a run and show what it tells; Ctrl+C stops and saves, a second one ends it."""
    follower = begin(folder)
    printer, summary = EventPrinter(output), Summary(folder)
    for event in work_through(follower, output, Stop(keep=True)):
        printer.show(event)
        summary.add(event)
    printer.close()
    assert follower.end is not None
    return summary, follower.end


def _train_options(parser: ArgumentParser) -> None:
    add_job_options(parser)
    parser.add_argument("--name", help="what the run is called")


def _train(options: Namespace, output: Output) -> int:
    job = asked_job(options)
    if options.name:
        job = dataclasses.replace(job, name=options.name)
    check_job(job, output)
    folder = create_run(job, runs_of(options))
    output.remark(f"Run {folder}")
    return _finish(folder, output)


def _resume(options: Namespace, output: Output) -> int:
    folder = find_run(options.run_name, runs_of(options))
    check_job(_unfinished_job(folder), output)
    saved = checkpoints_of(folder)
    output.remark(f"Run {folder}")
    if not saved:
        output.remark("Nothing was saved yet: the run starts from its beginning.")
    return _finish(folder, output)


def _unfinished_job(folder: Path) -> Job:
    """The job of a run that can go on; raises FolderError for one that cannot."""
    record = settle(folder)
    name = f"'{record.name}'"
    if record.task != "train":
        raise FolderError(f"{name} is no training run but '{record.task}'.", "Give a run from 'runs list'.")
    if is_alive(record):
        raise FolderError(f"{name} is still running.", "See it with 'watch', or stop it with 'control'.")
    if record.status == "done":
        raise FolderError(
            f"{name} is finished; there is nothing left to do.", "Train a new run from its job."
        )
    if record.status == "discarded":
        raise FolderError(f"{name} was stopped and discarded.", "Train a new run from its job.")
    return read_job(folder / JOB_FILE)


def _finish(folder: Path, output: Output) -> int:
    summary, end = train_to_end(folder, output)
    summary.report(end, output)
    return end.exit_code


def _resume_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_name", metavar="RUN", help="the run's name or folder")


TRAIN = Verb("train", "Train a model as a job file says.", _train_options, _train)
RESUME = Verb("resume", "Go on with a run that was stopped, failed or lost.", _resume_options, _resume)
