"""The checks that go through real worker processes alone, so that they may run beside others: the example, and a run steered from outside."""

import dataclasses
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path

from benchmarks.example import work
from benchmarks.gpu_work import Bench, Outcome, job_for, losses_of
from engine.job.channel import append, events_of
from engine.job.commands import Ask, Command, Pause, Resume, Save, Stop
from engine.job.events import (
    Answered,
    Check,
    Event,
    Exported,
    Finished,
    Paused,
    Prepared,
    Saved,
    Step,
    Trained,
)
from engine.job.sections import STARTER, DeviceSection
from engine.job.tasks import ChatTask, ExportTask
from engine.library.example import example_job, watched_prompts
from engine.library.launch import start_worker
from engine.library.runs import create_run, create_task

_PATIENCE = 120.0
_FORMATS = ("merged", "adapter", "gguf")
_READS_GGUF = (
    5,
    18,
)  # before it transformers' reader wants a first token in every file, which the starter has not


def flow(bench: Bench) -> Iterator[Outcome]:
    """Train the starter, ask it and its base, take it away in every format, each part in a worker of its own."""
    job = dataclasses.replace(example_job(quick=True), device=DeviceSection(kind=bench.device))
    run = create_run(job)
    events, times = work(run)
    place = next(event.device for event in events if isinstance(event, Prepared))
    end = next(event for event in events if isinstance(event, Trained))
    words = f"on {place}, loss {end.first_loss:.3f} to {end.last_loss:.3f}, {times['wall']:.1f} s"
    yield Outcome(
        "worker trains the example", place == bench.device and end.last_loss < end.first_loss, words
    )
    with ThreadPoolExecutor() as pool:  # each is a process of its own
        compared = pool.submit(_compared, bench, run)
        exported = [pool.submit(_exported, bench, run, format) for format in _FORMATS]
        yield from (one.result() for one in (compared, *exported))


def _exported(bench: Bench, run: Path, format: str) -> Outcome:
    out = bench.folder / f"exported-{format}"
    events, times = work(create_task(ExportTask(str(run), format, out=str(out)), "Export"))
    checks = [event for event in events if isinstance(event, Check)]
    is_there = any(isinstance(event, Exported) for event in events)
    if format == "gguf" and tuple(map(int, version("transformers").split(".")[:2])) < _READS_GGUF:
        words = f"written: {is_there}; transformers {version('transformers')} cannot read it, 5.18 can"
        return Outcome(f"worker exports {format}", None, words)
    failed = ", ".join(check.title for check in checks if not check.passed)
    words = f"{len(checks)} checks{f', failed: {failed}' if failed else ''}, {times['wall']:.1f} s"
    return Outcome(f"worker exports {format}", is_there and bool(checks) and not failed, words)


def _compared(bench: Bench, run: Path) -> Outcome:
    chat = create_task(ChatTask(models=(STARTER, str(run)), device=bench.device, stay=False), "Compare")
    for number, prompt in enumerate(watched_prompts()):
        append(chat, Ask(prompt, number, max_new_tokens=48))
    answers = [event for event in work(chat)[0] if isinstance(event, Answered)]
    rate = sum(answer.tokens for answer in answers) / sum(answer.seconds for answer in answers)
    is_whole = len(answers) == 2 * len(watched_prompts())
    return Outcome("worker compares", is_whole, f"{len(answers)} answers, {rate:.0f} tokens/s one at a time")


def worker(bench: Bench) -> Iterator[Outcome]:
    """A worker is paused, goes on, saves and stops as told; a second one goes on from its checkpoint to the end."""
    job = job_for(bench, "dpo", dtype=bench.dtype, steps=200 if bench.device == "cuda" else 24)
    folder = create_run(job)
    first = start_worker(folder)
    heard = [
        _tell(folder, Step, Pause()),
        _tell(folder, Paused, Resume()),
        _tell(folder, Paused, Save()),
        _tell(folder, Saved, Stop(keep=True)),
    ]
    code = first.wait(_PATIENCE)
    stopped = len(losses_of(folder))
    code_after = start_worker(folder).wait(_PATIENCE)
    ends = [event.outcome for event in events_of(folder) if isinstance(event, Finished)]
    steps = [event.step for event in events_of(folder) if isinstance(event, Step)]
    is_good = all(heard) and (code, code_after) == (3, 0) and ends == ["stopped", "done"]
    is_good = is_good and stopped < job.train.steps and steps == list(range(1, job.train.steps + 1))
    yield Outcome(
        "worker is paused, saves, stops, is resumed",
        is_good,
        f"stopped at {stopped} of {job.train.steps}, then {ends}",
    )


def _tell(folder: Path, kind: type[Event], command: Command) -> bool:
    """Give the command once such an event was told; False when none came in time."""
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until:
        if any(isinstance(event, kind) for event in events_of(folder)):
            append(folder, command)
            return True
        time.sleep(0.05)
    return False
