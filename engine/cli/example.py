"""example: the two-minute example in the terminal, from the starter model to an exported one."""

import dataclasses
from argparse import ArgumentParser, Namespace
from pathlib import Path

from engine.cli.answers import ask_models, comparison, print_comparison
from engine.cli.exporting import export_to_end
from engine.cli.follow import End
from engine.cli.output import Output
from engine.cli.training import runs_of, train_to_end
from engine.cli.verb import Verb
from engine.job.channel import EXPORTS
from engine.job.sections import STARTER
from engine.job.tasks import ExportTask
from engine.library.example import example_job
from engine.library.runs import create_run

ANSWERS = Namespace(seed=42, temperature=0.0, max_new_tokens=64, device="auto")


def _example(options: Namespace, output: Output) -> int:
    job = example_job(quick=options.quick)
    if options.steps:
        job = dataclasses.replace(job, train=dataclasses.replace(job.train, steps=options.steps))
    folder = create_run(job, runs_of(options))
    output.remark("1 of 3  Teaching the bundled starter model to answer politely")
    summary, end = train_to_end(folder, output)
    values = summary.values(end)
    if end.exit_code:
        return _ended(values, end, output)
    output.remark("2 of 3  Asking the model as it was and as it is now")
    prompts, models = job.watch.prompts, [STARTER, str(folder)]
    loaded, answers, end = ask_models(models, prompts, ANSWERS, output)
    values["comparison"] = comparison(models, prompts, loaded, answers)
    if end.exit_code:
        return _ended(values, end, output)
    output.remark("3 of 3  Writing the tuned model as a model of its own")
    exported, checks, end = export_to_end(_export_of(folder), output)
    values["export"] = {"path": exported.path if exported else None, "checks": checks}
    if end.exit_code:
        return _ended(values, end, output)
    output.result({**values, "status": end.status})
    output.text()
    print_comparison(values["comparison"], output)
    output.text()
    output.facts([("Run", folder), ("Tuned model", exported.path if exported else "")])
    return end.exit_code


def _export_of(folder: Path) -> ExportTask:
    return ExportTask(run=str(folder), format="merged", out=str(folder / EXPORTS / "merged"))


def _ended(values: dict[str, object], end: End, output: Output) -> int:
    """The example came to an end before its last part."""
    output.result({**values, "status": end.status, "error": end.sentence or None})
    output.remark(end.sentence or "Stopped. What was learned is kept in the run.")
    output.text(str(values["run"]))
    return end.exit_code


def _example_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--quick", action="store_true", help="train only as long as needed to show that it works"
    )
    parser.add_argument("--steps", type=int, help="train exactly this many steps")


EXAMPLE = Verb(
    "example", "Train the bundled starter model, compare it and export it.", _example_options, _example
)
