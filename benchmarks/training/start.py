"""From pressing Start to the first update: a worker as the window starts it, with the spare one and without."""

import itertools
import time
from collections.abc import Sequence
from statistics import median

from benchmarks.example import home_of_its_own
from benchmarks.table import Row, spread
from benchmarks.training.asked import tell
from benchmarks.training.raw import Raw
from engine.job.channel import events_of
from engine.job.events import Event, Finished, Phase, Prepared, Step
from engine.job.job import Job, with_value
from engine.library.launch import hand_over, start_worker
from engine.library.runs import create_run

AIM_SECONDS = 8.0
SETTLE_SECONDS = 10.0  # the spare worker imports its libraries while a person looks at the window
PARTS = ("worker", "model", "rows", "adapter and proof", "update")
WAYS = {"warm": "with the worker that the window keeps ready", "cold": "with a new worker"}


def rows_of_start(title: str, job: Job, times: int, settle: float, raw: Raw, *, is_goal: bool) -> list[Row]:
    """Both ways, so many times each, in turn."""
    for turn in range(1, times + 1):
        for way in WAYS if turn % 2 else reversed(WAYS):
            if raw.find("start", title, way, turn) is None:
                tell(f"{title}, Start to first update, {way}, {turn} of {times}")
                raw.add(first_update(job, way == "warm", settle), "start", title, way, turn)
    rows = []
    for way, words in WAYS.items():
        taken = [raw.find("start", title, way, turn) for turn in range(1, times + 1)]
        seconds = [sum(parts) for parts in taken]
        aim = f"< {AIM_SECONDS:.0f} s" if is_goal and way == "warm" else ""
        is_met = median(seconds) < AIM_SECONDS if aim else None
        mark = "**" if aim else ""
        what = f"{title}: {mark}Start to the first update, {words}{mark}"
        rows.append(Row(what, f"{spread(seconds, 's', 1)}: {_medians(taken)}", aim, is_met))
    return rows


def first_update(job: Job, is_warm: bool, settle: float) -> list[float]:
    """Seconds of each of `PARTS`, from Start to the end of the first update; raises RuntimeError."""
    with home_of_its_own():
        spare = start_worker(None, beside_window=True) if is_warm else None
        time.sleep(settle if is_warm else 0.0)
        pressed = time.time()
        run = create_run(with_value(job, "train.steps", 1))
        worker = (
            spare if spare is not None and hand_over(spare, run) else start_worker(run, beside_window=True)
        )
        try:
            worker.wait()
        except BaseException:
            worker.kill()
            raise
        return parts_of(events_of(run), pressed)


def parts_of(events: Sequence[Event], pressed: float) -> list[float]:
    """Seconds of each of `PARTS` by the run's own clock: until the model is loaded, until rows are read, and so on.

    A reference, where there is one, is looked at before the update, with adapter and proof. Raises RuntimeError.
    """
    begun = {event.name: event.time for event in events if isinstance(event, Phase)}
    prepared = [event.time for event in events if isinstance(event, Prepared)]
    steps = [event.time for event in events if isinstance(event, Step)]
    if not steps or not any(isinstance(event, Finished) for event in events):
        raise RuntimeError(f"The run did not train: {events[-1] if events else 'it told nothing'}")
    marks = [pressed, begun["model"], begun["rows"], begun["first-step"], prepared[0], steps[0]]
    return [end - begin for begin, end in itertools.pairwise(marks)]


def _medians(taken: Sequence[Sequence[float]]) -> str:
    """Each part by its name, the median of so many starts."""
    parts = zip(PARTS, zip(*taken, strict=True), strict=True)
    return ", ".join(f"{name} {median(seconds):.1f} s" for name, seconds in parts)
