"""One run on both topics, from the job to its loss on the rows kept back of each."""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from benchmarks.topics.texts import Row, Topic
from engine.job.channel import Desk, events_of
from engine.job.events import Prepared
from engine.job.job import Job, job_from_values
from engine.library.folders import starter_folder
from engine.models.adapters import load_adapter
from engine.models.generate import evaluating
from engine.models.load import load_model
from engine.train.forward import Policy
from engine.train.rows import prepare_rows
from engine.train.session import train


@dataclass(frozen=True)
class Learned:
    """What a run ended with: mean loss of a token of each topic's kept rows and of all, and its trained parameters."""

    losses: tuple[float, ...]
    together: float
    parameters: int


def learn(topics: Sequence[Topic], values: Mapping[str, Mapping[str, Any]]) -> Learned:  # Any: a job's values
    """Train the starter on all topics' rows with these sections of a job; nothing of it stays."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = [row for topic in topics for row in topic.train]
        train(_job(folder / "train.jsonl", rows, values), Desk(_made(folder / "run")))
        prepared = next(event for event in events_of(folder / "run") if isinstance(event, Prepared))
        sums = [_kept_loss(folder, topic, values) for topic in topics]
    return Learned(
        tuple(loss / count for loss, count in sums),
        sum(loss for loss, _ in sums) / sum(count for _, count in sums),
        prepared.parameters_trained,
    )


def _kept_loss(folder: Path, topic: Topic, values: Mapping[str, Mapping[str, Any]]) -> tuple[float, int]:
    """The loss of all learned tokens of the rows kept back, and how many they are."""
    job = _job(folder / "kept.jsonl", topic.kept, values)
    loaded = load_model(starter_folder(), job.model.dtype, "cpu")
    model = load_adapter(loaded.model, folder / "run" / "adapter")
    examples = prepare_rows(job, loaded.tokenizer, Desk(_made(folder / "kept"))).train
    policy = Policy(model, "cpu")
    with evaluating(model), torch.no_grad():
        found = [policy.score(batch).target for batch in policy.batches(examples, 32)]
    return -sum(float(part.sum()) for part in found), sum(len(part) for part in found)


def _job(data: Path, rows: Sequence[Row], values: Mapping[str, Mapping[str, Any]]) -> Job:
    data.write_text("".join(json.dumps(row.plain()) + "\n" for row in rows), encoding="utf-8")
    fixed: dict[str, dict[str, Any]] = {
        "model": {"source": str(starter_folder()), "dtype": "float32"},
        "rows": {"validation": 0.0},
        "watch": {"sample_every": 1_000_000, "evaluate_every": 1_000_000},
        "device": {"kind": "cpu", "threads": 1},
    }
    merged = {name: {**fixed.get(name, {}), **values.get(name, {})} for name in {*fixed, *values}}
    return job_from_values({**merged, "data": [{"path": str(data)}]})


def _made(folder: Path) -> Path:
    folder.mkdir(exist_ok=True)
    return folder
