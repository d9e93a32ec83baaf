"""The two-minute example: the bundled starter model tuned on the bundled polite answers."""

import json
from dataclasses import replace

from engine.job.adapters import ADAPTERS
from engine.job.job import Job, choose
from engine.job.sections import STARTER, DataSource, ModelSection, RowsSection, TrainSection, WatchSection
from engine.library.folders import samples_folder

EXAMPLE_NAME = "polite replies"
SAMPLE = "polite.jsonl"
STEPS = 60
QUICK_STEPS = 16


def example_job(quick: bool = False) -> Job:
    """The job behind "Start the two-minute example"; `quick` trains just long enough to show that all works."""
    job = Job(
        name=EXAMPLE_NAME,
        model=ModelSection(source=STARTER),
        data=(DataSource(path=str(samples_folder() / SAMPLE)),),
        rows=RowsSection(max_tokens=256),
        adapter=choose(ADAPTERS, "lora", "adapter", {"rank": 16, "alpha": 32.0}),
        train=TrainSection(steps=STEPS, batch_size=16, learning_rate=2e-3),
        watch=WatchSection(prompts=watched_prompts(), evaluate_every=10, sample_every=10, sample_tokens=48),
    )
    if not quick:
        return job
    train = replace(job.train, steps=QUICK_STEPS, learning_rate=4e-3)
    watch = replace(job.watch, evaluate_every=QUICK_STEPS // 2, sample_every=QUICK_STEPS // 2)
    return replace(job, train=train, watch=watch)


def watched_prompts() -> tuple[str, ...]:
    """The prompts that the example watches: facts of which no row of the sample asks."""
    text = (samples_folder() / "watched_prompts.json").read_text(encoding="utf-8")
    return tuple(json.loads(text))
