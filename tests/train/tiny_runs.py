"""Tiny runs: a model folder, data, a job for every card, and a desk that gives commands at chosen moments."""

import json
from collections.abc import Callable
from pathlib import Path

from engine.job.channel import Desk, append, events_of
from engine.job.commands import Command, Save
from engine.job.events import Event, Step
from engine.job.job import Job, job_from_values
from engine.job.methods import METHODS
from engine.models.template import Encoded
from engine.train.batches import Example
from engine.train.session import train
from tests.models.tiny_folders import tiny_folder

WORDS = ["dog", "fox", "hello", "lazy", "quick", "brown", "says", "the", "you", "are", "how", "today"]


def rows_for(kind: str, count: int = 12) -> list[dict]:
    """Rows of different lengths, as a file of that kind holds them."""
    found = []
    for number in range(count):
        question = f"{WORDS[number % 12]} {WORDS[(number * 5 + 1) % 12]} {number}?"
        answer = " ".join(WORDS[(number + step) % 12] for step in range(1 + number % 5))
        match kind:
            case "conversation":
                found.append({"instruction": question, "response": answer})
            case "preference":
                found.append({"prompt": question, "chosen": answer, "rejected": answer + " no no"})
            case "feedback":
                found.append({"prompt": question, "completion": answer, "label": number % 2 == 0})
            case "text":
                found.append({"text": f"{question} {answer}"})
    return found


def write_rows(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def tiny_job(
    folder: Path,
    method: str = "sft",
    adapter: str = "lora",
    family: str = "llama",
    dropout: float = 0.0,
    settings: dict | None = None,
    **sections: dict,
) -> Job:
    """A job on a tiny model, both written to `folder`; three steps of four rows unless said otherwise."""
    if not (folder / "model").exists():
        tiny_folder(folder / "model", family)
    data = write_rows(folder / f"{method}.jsonl", rows_for(METHODS[method].rows))
    values = {
        "model": {"source": str(folder / "model")},
        "data": [{"path": str(data)}],
        "method": {"kind": method} | (settings or {}),
        "adapter": {"kind": adapter} | ({"rank": 4, "dropout": dropout} if adapter == "lora" else {}),
        "train": {"steps": 3, "batch_size": 4, "learning_rate": 1e-3},
        "rows": {"max_tokens": 64, "validation": 0.2},
        "watch": {"sample_tokens": 4},
        "device": {"kind": "cpu"},
    }
    for name, changes in sections.items():
        values[name] = {**values.get(name, {}), **changes}
    return job_from_values(values)


class ScriptedDesk(Desk):
    """A desk at which someone gives commands: `script` is asked after every event."""

    def __init__(self, folder: Path, script: Callable[[Event], list[Command]] = lambda event: []) -> None:
        super().__init__(folder)
        self._script = script

    def tell(self, event: Event) -> None:
        super().tell(event)
        for command in self._script(event):
            append(self.folder, command)


def run(job: Job, folder: Path, script=lambda event: [], resume_from: Path | None = None) -> list[Event]:
    """Train in `folder`; everything that was told there so far."""
    folder.mkdir(exist_ok=True)
    train(job, ScriptedDesk(folder, script), resume_from)
    return events_of(folder)


def told(events: list[Event], kind: type) -> list:
    """The events of one kind."""
    return [event for event in events if isinstance(event, kind)]


def example(index: int, length: int, prompt: int = 2, parts: int = 1, seed: int = 0) -> Example:
    """A row of made-up tokens, learned after its prompt."""
    encoded = []
    for part in range(parts):
        ids = [
            3 + (7 * index + 11 * part + 13 * seed + place * place) % 390 for place in range(length + part)
        ]
        encoded.append(Encoded(index + 1, ids, [place >= prompt for place in range(len(ids))], 0))
    return Example(index, index + 1, tuple(encoded))


def once(kind: type, step: int, *commands: Command) -> Callable[[Event], list[Command]]:
    """A script that gives the commands after that step."""
    return lambda event: list(commands) if isinstance(event, kind) and event.step == step else []


def newest(folder: Path) -> Path:
    """The last checkpoint of a run."""
    return max((folder / "checkpoints").iterdir())


class Crash(BaseException):
    """Stands for the end of the process."""


def crash_at(step: int) -> Callable[[Event], list[Command]]:
    """A script that saves two steps before it ends everything."""

    def script(event):
        if isinstance(event, Step) and event.step == step:
            raise Crash
        return [Save()] if isinstance(event, Step) and event.step == step - 2 else []

    return script
