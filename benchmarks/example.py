"""The two-minute example from Start to the exported folder: how long each phase takes, by the events' own clock."""

import os
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from benchmarks.table import Row, Table, spread
from engine.cli.speed import phase_seconds
from engine.job.channel import append, events_of
from engine.job.commands import Ask
from engine.job.events import Answered, Event, Exported, Finished, Step, Trained
from engine.job.sections import STARTER
from engine.job.tasks import ChatTask, ExportTask
from engine.library.example import example_job
from engine.library.launch import hand_over, start_worker
from engine.library.runs import create_run, create_task

AIM_SECONDS = 120.0
SETTLE_SECONDS = 8.0
TASKS = {"train": "training", "compare": "comparing", "export": "exporting"}
ANSWER_TOKENS = 64


def measure(quick: bool) -> Table:
    """Whole examples one after the other, each in a home of its own."""
    runs = [one_example(quick) for _ in range(1 if quick else 3)]
    rows = []
    for task, words in TASKS.items():
        taken = [run[task] for run in runs]
        rows.append(Row(f"**{words}**", spread([times["wall"] for times in taken], "s", 1)))
        names = [name for name in taken[0] if name != "wall"]
        rows += [Row(f"{words}: {name}", spread([times[name] for times in taken], "s", 1)) for name in names]
    totals = [sum(run[task]["wall"] for task in TASKS) for run in runs]
    job = example_job(quick)
    rows.append(Row("**everything**", spread(totals, "s", 1), "< 2 min", median(totals) < AIM_SECONDS))
    steps = [run["speed"] for run in runs]
    rows += [
        Row(f"one of the {job.train.steps} steps", spread([1000 * speed["step"] for speed in steps], "ms")),
        Row("tokens trained a second", spread([speed["tokens"] for speed in steps], "/s")),
        Row("tokens answered a second", spread([speed["answered"] for speed in steps], "/s")),
    ]
    how = (
        "Workers beside a window (nice +10), as the app starts them: training takes the engine that was warmed up "
        f"while Welcome was read, comparing ({len(job.watch.prompts)} prompts, two models) and exporting start cold. "
        "A phase lasts until the next one begins."
    )
    return Table("The two-minute example" + (", shortened" if quick else ""), how, tuple(rows))


def one_example(quick: bool) -> dict[str, dict[str, float]]:
    """Seconds by task and phase, and the speeds."""
    with home_of_its_own() as home:
        job = example_job(quick)
        spare = start_worker(None, beside_window=True)
        time.sleep(SETTLE_SECONDS)
        run = create_run(job)
        trained, training = work(run, spare)
        chat = create_task(ChatTask(models=(STARTER, str(run)), stay=False), "Compare")
        for number, prompt in enumerate(job.watch.prompts):
            append(chat, Ask(prompt, number, seed=42, temperature=0.0, max_new_tokens=ANSWER_TOKENS))
        answered, comparing = work(chat)
        export = create_task(ExportTask(run=str(run), format="merged", out=str(home / "exported")), "Export")
        exported, exporting = work(export)
    steps = [event for event in trained if isinstance(event, Step)][1:]
    answers = [event for event in answered if isinstance(event, Answered)]
    if not any(isinstance(event, Trained) for event in trained) or not answers:
        raise RuntimeError("The example did not train or answer.")
    if not any(isinstance(event, Exported) for event in exported):
        raise RuntimeError("The example was not exported.")
    speed = {
        "step": median(step.seconds for step in steps),
        "tokens": median(step.tokens_per_second for step in steps),
        "answered": sum(answer.tokens for answer in answers) / sum(answer.seconds for answer in answers),
    }
    return {"train": training, "compare": comparing, "export": exporting, "speed": speed}


def work(folder: Path, spare: "object | None" = None) -> tuple[Sequence[Event], dict[str, float]]:
    """Let a worker do the task in the folder; its events, and seconds by phase with the whole as "wall"."""
    started = time.time()
    worker = (
        spare if spare is not None and hand_over(spare, folder) else start_worker(folder, beside_window=True)
    )
    worker.wait()
    events = events_of(folder)
    ends = [event for event in events if isinstance(event, Finished)]
    if not ends or ends[-1].outcome != "done":
        raise RuntimeError(f"{folder.name} did not end well: {events[-1] if events else 'no event'}")
    return events, {**phase_seconds(events), "wall": ends[-1].time - started}


@contextmanager
def home_of_its_own() -> Iterator[Path]:
    """Runs, caches and preferences in a folder that is removed afterwards."""
    before = os.environ.get("TUNEWRIGHT_HOME")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEWRIGHT_HOME"] = folder
        try:
            yield Path(folder)
        finally:
            os.environ.pop("TUNEWRIGHT_HOME")
            if before is not None:
                os.environ["TUNEWRIGHT_HOME"] = before
