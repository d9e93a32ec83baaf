"""From pressing Start to the first update: a worker as the window starts it, with the spare one and without."""

import time
from pathlib import Path
from statistics import median

from benchmarks.example import home_of_its_own
from benchmarks.table import Row, spread
from benchmarks.training.asked import tell
from benchmarks.training.raw import Raw
from engine.job.channel import events_of
from engine.job.events import Finished, Step
from engine.job.job import Job, with_value
from engine.library.launch import hand_over, start_worker
from engine.library.runs import create_run

AIM_SECONDS = 8.0
SETTLE_SECONDS = 10.0  # the spare worker imports its libraries while a person looks at the window
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
        seconds = [raw.find("start", title, way, turn) for turn in range(1, times + 1)]
        aim = f"< {AIM_SECONDS:.0f} s" if is_goal and way == "warm" else ""
        is_met = median(seconds) < AIM_SECONDS if aim else None
        mark = "**" if aim else ""
        what = f"{title}: {mark}Start to the first update, {words}{mark}"
        rows.append(Row(what, spread(seconds, "s", 1), aim, is_met))
    return rows


def first_update(job: Job, is_warm: bool, settle: float) -> float:
    """Seconds from Start to the end of the first update, by the event's own clock; raises RuntimeError."""
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
        return _first(run) - pressed


def _first(run: Path) -> float:
    events = events_of(run)
    steps = [event.time for event in events if isinstance(event, Step)]
    if not steps or not any(isinstance(event, Finished) for event in events):
        raise RuntimeError(f"The run did not train: {events[-1] if events else 'it told nothing'}")
    return steps[0]
