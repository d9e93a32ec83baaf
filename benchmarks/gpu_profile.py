"""Where the time of an update goes: some updates of the engine's own loop under torch's profiler."""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import torch
from torch.autograd import DeviceType
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_training import WAYS, job_of, joined_data, random_model
from engine.job.channel import Desk
from engine.job.events import Event, Step
from engine.train.session import train

HEAD = ("model", "method", "side", "ms an update", "launches an update", "GPU idle")
_WARM, _STEPS, _ROWS = 4, 5, 25
_LAUNCHES = ("LaunchKernel",)  # cudaLaunchKernel, cuLaunchKernel and their newer forms


class ProfilingDesk(Desk):
    """Profiles the updates after the first `warm` ones up to update `last`."""

    def __init__(self, folder: Path, profiler: profile, warm: int, last: int) -> None:
        super().__init__(folder)
        self._profiler, self._warm, self._last = profiler, warm, last

    def tell(self, event: Event) -> None:
        """Tell it, and begin or end the profile."""
        super().tell(event)
        if isinstance(event, Step) and event.step == self._warm:
            self._profiler.start()
        if isinstance(event, Step) and event.step == self._last:
            self._profiler.stop()


def profiled(size: str, method: str, way: str, device: str, folder: Path) -> tuple[str, str]:
    """A line of launches and idle time, and tables of what takes longest: by the GPU's time and by the processor's."""
    place = folder / f"profile-{size}-{method}-{way}"
    place.mkdir()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    profiler = profile(activities=activities)
    model, data = random_model(size, folder, device), joined_data(method, folder)
    last = _WARM + _STEPS
    # One update more: the last one's numbers are read late, when the model may be looked at already.
    job = job_of(method, model, data, 16, device, last + 2, WAYS[way])
    train(job, ProfilingDesk(place, profiler, _WARM, last))
    if device == "cuda":
        torch.cuda.synchronize()
    found = profiler.key_averages()
    orders = ["self_cpu_time_total", *(["self_cuda_time_total"] if device == "cuda" else [])]
    tables = [found.table(sort_by=order, row_limit=_ROWS, max_name_column_width=70) for order in orders]
    cells = [size, method, way, *_figures(profiler)]
    return f"| {' | '.join(cells)} |", f"{size} {method} {way}, {_STEPS} updates\n\n" + "\n\n".join(tables)


def _figures(profiler: profile) -> list[str]:
    """Milliseconds of an update, its launches, and the share of time in which the GPU does nothing."""
    events = profiler.events()
    launches = sum(
        event.name.startswith("cu") and any(word in event.name for word in _LAUNCHES) for event in events
    )
    work = [(each.time_range.start, each.time_range.end) for each in events if _is_work(each)]
    if not work:
        return ["-", "-", "-"]
    span = max(end for _, end in work) - min(start for start, _ in work)
    return [f"{span / 1000 / _STEPS:.1f}", f"{launches / _STEPS:.0f}", f"{1 - busy(work) / span:.0%}"]


def _is_work(event: Any) -> bool:  # Any: the profiler's events
    """Whether the GPU did something, and it is not a stretch that somebody named."""
    is_named = getattr(event, "is_user_annotation", False) or event.name.startswith(
        ("Optimizer.", "Profiler")
    )
    return event.device_type == DeviceType.CUDA and not is_named


def busy(work: Iterable[Sequence[float]]) -> float:
    """How much time these spans (start, end) cover together, what two of them share counted once."""
    covered, until = 0.0, float("-inf")
    for start, end in sorted(work):
        covered += max(0.0, end - max(start, until))
        until = max(until, end)
    return covered
