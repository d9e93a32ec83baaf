"""What the checks on a GPU share: how an outcome is told, jobs and the rows they learn, runs and their losses."""

import itertools
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchmarks.gpu_training import joined_data, starter_data
from engine.job.channel import Desk, append, events_of
from engine.job.commands import Command
from engine.job.events import Event, Step
from engine.job.job import Job, job_from_values
from engine.job.methods import METHODS
from engine.library.folders import starter_folder
from engine.train.session import train


@dataclass(frozen=True)
class Outcome:
    """What a check found: `passed` is None where it could not be tried here."""

    check: str
    passed: bool | None
    figure: str

    def line(self) -> str:
        """Its line of the table."""
        return f"| {self.check} | {WORDS[self.passed]} | {self.figure} |"


WORDS = {True: "ok", False: "**FAILED**", None: "not tried"}


@dataclass(frozen=True)
class Bench:
    """Where the checks work: on which device, below which folder; after `deadline` (`time.monotonic`) none begins."""

    device: str
    folder: Path
    deadline: float = math.inf
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    @property
    def dtype(self) -> str:
        """The numbers that adapters are tried in: on a processor bfloat16 would take minutes."""
        return "bfloat16" if self.device == "cuda" else "float32"

    def fresh(self) -> Path:
        """A folder for a run of its own."""
        folder = self.folder / f"run-{next(self.numbers)}"
        folder.mkdir()
        return folder


class Scripted(Desk):
    """A desk at which someone gives commands right after given steps."""

    def __init__(self, folder: Path, script: Mapping[int, Sequence[Command]], since: float = 0.0) -> None:
        super().__init__(folder, since)
        self._script = script

    def tell(self, event: Event) -> None:
        """Tell it, then give the commands that follow it."""
        super().tell(event)
        for command in self._script.get(event.step, ()) if isinstance(event, Step) else ():
            append(self.folder, command)


def job_for(
    bench: Bench,
    method: str,
    *,
    steps: int,
    dtype: str,
    adapter: str = "lora",
    device: str = "",
    model: Path | None = None,
    quantization: str = "none",
    rate: float = 1e-3,
    limit: int | None = None,
    batch: int = 8,
    rows: Mapping[str, object] | None = None,
    new_tokens: Sequence[str] = (),
    embeddings: bool = False,
    sections: Mapping[str, Mapping[str, object]] | None = None,
) -> Job:
    """A job on the starter's sample rows, or on rows eight times as long for another model; `sections` on top."""
    data = rows_file(bench, method) if model is None else joined_data(method, bench.folder)
    values: dict[str, Any] = {  # Any: a job's values are of several types
        "model": {
            "source": str(model or starter_folder()),
            "dtype": dtype,
            "quantization": quantization,
            "new_tokens": list(new_tokens),
        },
        "data": [{"path": str(data), **({} if limit is None else {"limit": limit})}],
        "rows": {"max_tokens": 512, "validation": 0.0, **(rows or {})},
        "method": {"kind": method, **({"embeddings": True} if embeddings else {})},
        "adapter": {"kind": adapter},
        "train": {
            "steps": steps,
            "batch_size": batch,
            "learning_rate": rate,
            "schedule": "constant",
            "warmup": 0.0,
        },
        "device": {"kind": device or bench.device},
    }
    for section, settings in (sections or {}).items():
        values[section] = values.get(section, {}) | dict(settings)
    return job_from_values(values)


def rows_file(bench: Bench, method: str) -> Path:
    """Sample rows of the kind that a method takes: feedback is made of the preferences."""
    kind = METHODS[method].rows
    if kind == "text":
        path = bench.folder / "texts.jsonl"
        lines = starter_data("sft").read_text(encoding="utf-8").splitlines()
        texts = [{"text": " ".join(json.loads(line).values())} for line in lines]
        path.write_text("\n".join(map(json.dumps, texts)), encoding="utf-8")
        return path
    if kind != "feedback":
        return starter_data("dpo" if kind == "preference" else "sft")
    path = bench.folder / "feedback.jsonl"
    pairs = [json.loads(line) for line in starter_data("dpo").read_text(encoding="utf-8").splitlines()]
    rows = [
        {"prompt": pair["prompt"], "completion": pair[side], "label": side == "chosen"}
        for pair in pairs
        for side in ("chosen", "rejected")
    ]
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    return path


def trained(bench: Bench, job: Job) -> Path:
    """Train in this process, as a worker would; the run's folder."""
    folder = bench.fresh()
    train(job, Desk(folder))
    return folder


def losses_of(folder: Path) -> list[float]:
    """The losses of a run's steps, NaN for one that was not a number."""
    steps = [event for event in events_of(folder) if isinstance(event, Step)]
    return [float("nan") if step.loss is None else step.loss for step in steps]


def apart(one: Sequence[float], other: Sequence[float]) -> float:
    """How far two runs' losses are from each other at most."""
    return max(abs(a - b) for a, b in zip(one, other, strict=True))
