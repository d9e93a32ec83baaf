"""export: a run's result in a form of its own, as a model folder, an adapter or one file; first, what it will be."""

from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from engine.cli.follow import End, begin, work_through
from engine.cli.naming import resolved_run
from engine.cli.output import Output, one_line
from engine.cli.progress import EventPrinter, size
from engine.cli.training import runs_of
from engine.cli.verb import Verb
from engine.job.channel import JOB_FILE
from engine.job.errors import FolderError, JobError, ModelError
from engine.job.events import Check, Exported
from engine.job.exports import EXPORTS
from engine.job.job import read_job
from engine.job.tasks import ExportTask
from engine.library.export_plan import ExportPlan, plan_export, run_export_problem
from engine.library.lineage import lineage_of
from engine.library.models import check_model
from engine.library.runs import create_task, find_run, split_step
from engine.use.target import check_target, free_name


def export_to_end(task: ExportTask, output: Output) -> tuple[Exported | None, list[Check], End]:
    """Start a worker on an export and show what it tells; returns its receipt."""
    follower = begin(create_task(task, f"Export to {Path(task.out).name}"))
    printer, exported, checks = EventPrinter(output), None, list[Check]()
    for event in work_through(follower, output):
        printer.show(event)
        match event:
            case Exported():
                exported = event
            case Check():
                checks.append(event)
    printer.close()
    return exported, checks, follower.end or End("lost")


def _export(options: Namespace, output: Output) -> int:
    task = _asked_task(options)
    plan = _planned(task)
    if plan is not None:
        output.remark(plan.words)
        if plan.caveat:
            output.remark(plan.caveat)
    exported, checks, end = export_to_end(task, output)
    values = _values(task, exported, checks)
    output.result({"status": end.status, "error": end.sentence or None, "expected": plan, **values})
    if exported is not None and end.status == "done":
        _report(exported, output)
    else:
        output.remark(end.sentence or "Stopped; nothing was left behind.")
    return end.exit_code


def _asked_task(options: Namespace) -> ExportTask:
    """The task that the options ask for; raises JobError or FolderError before anything is started."""
    card = EXPORTS[options.format]
    kind = options.type or next(iter(card.types))
    if kind not in card.types:
        valid = ", ".join(card.types)
        raise JobError(
            f"--type '{kind}' does not go with the format '{options.format}'.", f"Choose: {valid}."
        )
    run = resolved_run(options.run_name, runs_of(options))
    out = options.out.expanduser().absolute()
    if out.exists():
        raise FolderError(f"{out} exists already.", f"Choose another name, such as '{free_name(out)}'.")
    check_target(str(out))
    return ExportTask(run=run, format=options.format, type=kind, out=str(out), card=not options.no_card)


def _planned(task: ExportTask) -> ExportPlan | None:
    """What will come out; None for an adapter. Raises ModelError, before anything is loaded, where nothing can."""
    job = read_job(find_run(split_step(task.run)[0]) / JOB_FILE)
    origin = lineage_of(job)
    base = check_model(origin.folder)
    title, advice = run_export_problem(job, base, task.format, bool(origin.beneath))
    if title:
        raise ModelError(title, advice)
    return None if task.format == "adapter" else plan_export(job, base, task.format, task.type)


def _values(task: ExportTask, exported: Exported | None, checks: list[Check]) -> dict[str, Any]:  # Any: JSON
    values: dict[str, Any] = {"run": task.run, "format": task.format, "type": task.type, "checks": checks}
    if exported is not None:
        values |= {"path": exported.path, "bytes": exported.bytes, "files": exported.files}
        values |= {"fingerprint": exported.fingerprint, "prompt": exported.prompt}
        values |= {"answer_before": exported.answer_before, "answer_after": exported.answer_after}
    return values


def _report(exported: Exported, output: Output) -> None:
    facts: list[tuple[str, object]] = [
        ("Written", exported.path),
        ("Size", f"{size(exported.bytes)} in {exported.files} files"),
    ]
    if exported.fingerprint:
        facts.append(("Weights", exported.fingerprint))
    if exported.prompt:
        facts.append(("Checked with", one_line(exported.prompt, 100)))
        facts.append(("Answers", one_line(exported.answer_after, 160)))
    output.facts(facts)


def _export_options(parser: ArgumentParser) -> None:
    parser.add_argument("run_name", metavar="RUN", help="the run's name or folder, or RUN@STEP")
    parser.add_argument(
        "--format", choices=list(EXPORTS), default="merged", help="what to take away (merged)"
    )
    parser.add_argument("--type", help="number format of the weights, such as f16 or q8_0")
    parser.add_argument(
        "--out", metavar="DIR", type=Path, required=True, help="where it is written; a new folder"
    )
    parser.add_argument("--no-card", action="store_true", help="write no model card")


EXPORT = Verb("export", "Write a run's result as a model of its own.", _export_options, _export)
