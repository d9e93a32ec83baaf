"""benchmark: how fast this computer trains and answers, measured on the bundled example."""

import itertools
import os
from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any

from engine.cli.answers import ask_models
from engine.cli.checks import scratch_home, silent
from engine.cli.output import Output
from engine.cli.training import train_to_end
from engine.cli.verb import DONE, Verb
from engine.job.channel import events_of
from engine.job.errors import EngineError, JobError
from engine.job.events import Event, Finished, Phase, Started, Step
from engine.job.sections import STARTER
from engine.library.devices import machine
from engine.library.example import example_job
from engine.library.runs import create_run

_ANSWERS = Namespace(seed=42, temperature=0.0, max_new_tokens=48, device="auto")


def _benchmark(options: Namespace, output: Output) -> int:
    if options.steps < 2:
        raise JobError(f"--steps is {options.steps}.", "Give at least 2.")
    with scratch_home() as folder:
        values = {"machine": _machine_values(), **_training(folder, options.steps, output)}
        output.remark("Answering ...")
        values["answer_tokens_per_second"] = _answering()
    output.result(values)
    facts: list[tuple[str, object]] = [("Machine", values["machine"]["name"])]
    facts += [(f"Phase {name}", f"{seconds:.2f} s") for name, seconds in values["phases"].items()]
    facts += [
        (
            "Training",
            f"{values['train_tokens_per_second']:.0f} tokens/s, {values['step_seconds']:.3f} s a step",
        ),
        ("Answering", f"{values['answer_tokens_per_second']:.0f} tokens/s"),
    ]
    output.facts(facts)
    return DONE


def _training(folder: Path, steps: int, output: Output) -> dict[str, Any]:  # Any: JSON values
    job = example_job()
    job = replace(job, train=replace(job.train, steps=steps), watch=replace(job.watch, prompts=()))
    output.remark(f"Training {steps} steps ...")
    run = create_run(job, folder / "runs")
    _, end = train_to_end(run, silent())
    if end.status != "done":
        raise EngineError(end.sentence or f"Training ended as '{end.status}'.")
    events = events_of(run)
    taken = [event for event in events if isinstance(event, Step)][1:]  # the first one warms up
    return {
        "phases": phase_seconds(events),
        "steps": steps,
        "step_seconds": median(event.seconds for event in taken),
        "train_tokens_per_second": median(event.tokens_per_second for event in taken),
    }


def phase_seconds(events: Sequence[Event]) -> dict[str, float]:
    """How long each phase of a task took, by its name; a phase ends where the next begins."""
    marks = [event for event in events if isinstance(event, Started | Phase | Finished)]
    taken: dict[str, float] = {}
    for event, following in itertools.pairwise(marks):
        if isinstance(event, Phase):
            taken[event.name] = taken.get(event.name, 0.0) + following.time - event.time
    return taken


def _answering() -> float:
    """Tokens a second of the starter model's answers."""
    _, answers, end = ask_models([STARTER], example_job().watch.prompts, _ANSWERS, silent())
    if end.status != "done":
        raise EngineError(end.sentence or f"Answering ended as '{end.status}'.")
    return sum(a.tokens for a in answers) / max(1e-9, sum(a.seconds for a in answers))


def _machine_values() -> dict[str, Any]:  # Any: JSON values
    found = machine()
    return {"name": found.name, "cores": found.cores, "memory": found.memory_total, "load": _load()}


def _load() -> float | None:
    """How busy the machine was in the last minute; figures taken on a busy one say little."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else None


def _benchmark_options(parser: ArgumentParser) -> None:
    parser.add_argument("--steps", type=int, default=20, help="how many steps are timed (20)")


BENCHMARK = Verb("benchmark", "Measure how fast this computer trains.", _benchmark_options, _benchmark)
