"""Our side: a worker on a run's folder, as the window and the terminal start it, read from what it told."""

import itertools
import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.training.cases import Case
from benchmarks.training.process import Cost, run_measured
from benchmarks.training.taken import Taken
from engine.job.channel import events_of
from engine.job.events import Event, Failed, Prepared, Progress, Step
from engine.job.job import Job, job_from_values
from engine.library.launch import allocator_settings, worker_command
from engine.library.runs import create_run

RANK, ALPHA, BETA, RATE, SEED = 16, 32.0, 0.1, 2e-4, 42


def job_for(
    case: Case,
    model: Path,
    data: Path,
    changes: Mapping[str, Mapping[str, Any]] | None = None,  # Any: a job's values
) -> Job:
    """The job of a case with these sections changed: nothing kept back, nothing looked at, saved at the end alone."""
    values: dict[str, Any] = {
        "model": {"source": str(model)},
        "rows": {"max_tokens": case.texts.longest, "validation": 0.0},
        "method": {"kind": case.method} | ({"beta": BETA} if case.method == "dpo" else {}),
        "adapter": {"kind": "lora", "rank": RANK, "alpha": ALPHA},
        "train": {
            "epochs": 1.0,
            "batch_size": case.rows,
            "learning_rate": RATE,
            "schedule": "constant",
            "warmup": 0.0,
            "seed": SEED,
        },
        "saving": {"every_minutes": 1440.0},
        "watch": {"sample_every": 1_000_000, "evaluate_every": 1_000_000},
        "device": {"kind": "cpu"},
    }
    for section, own in (changes or {}).items():
        values[section] = {**values[section], **own}
    return job_from_values({**values, "data": [{"path": str(data)}]})


def run_ours(job: Job, folder: Path, environment: Mapping[str, str]) -> Taken:
    """Train in a fresh worker; the run's folder is removed afterwards. Raises RuntimeError when it fails."""
    run = create_run(job, folder / "runs")
    try:
        own = {**allocator_settings(sys.platform, os.environ), **environment}
        cost = run_measured(worker_command(str(run)), folder, own)
    except RuntimeError as error:
        raise RuntimeError(f"{error}\n{_fault(events_of(run))}") from None
    taken = read_run(events_of(run), cost, max(1, round(job.train.epochs)))
    shutil.rmtree(folder)
    return taken


def read_run(events: Sequence[Event], cost: Cost, epochs: int) -> Taken:
    """What the events of a whole run say."""
    steps = [event for event in events if isinstance(event, Step)]
    prepared = next(event for event in events if isinstance(event, Prepared))
    return Taken(
        tokens=tuple(step.tokens for step in steps),
        ends=tuple(step.time - cost.started for step in steps),
        begun=steps[0].time - steps[0].seconds - cost.started,
        rows=tuple(step.rows for step in steps),
        learned=prepared.trained_tokens_per_epoch,
        reference=looking(events),
        wall=cost.wall,
        processor=cost.processor,
        memory=cost.memory,
        epochs=epochs,
        dtype=prepared.dtype,
    )


def looking(events: Sequence[Event]) -> float:
    """Seconds spent on looking at the reference before the first update."""
    seconds = 0.0
    for event, following in itertools.pairwise(events):
        if isinstance(event, Progress) and "reference" in event.title:
            seconds += following.time - event.time
    return seconds


def _fault(events: Sequence[Event]) -> str:
    return "\n".join(f"{event.title} {event.detail}" for event in events if isinstance(event, Failed))
