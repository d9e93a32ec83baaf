"""Where the time of an update goes: ten updates of the engine's own loop under torch's profiler."""

from pathlib import Path

import torch
from torch.profiler import ProfilerActivity, profile

from benchmarks.gpu_training import job_of, joined_data, random_model
from engine.job.channel import Desk
from engine.job.events import Event, Step
from engine.train.session import train

_WARM, _STEPS, _ROWS = 5, 10, 25


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


def profiled(size: str, method: str, device: str, folder: Path) -> str:
    """Two tables of the operations that take longest: by the GPU's time and by the processor's."""
    place = folder / f"profile-{size}-{method}"
    place.mkdir()
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if device == "cuda" else [])]
    profiler = profile(activities=activities)
    model, data = random_model(size, folder, device), joined_data(method, folder)
    last = _WARM + _STEPS
    train(job_of(method, model, data, 16, device, last), ProfilingDesk(place, profiler, _WARM, last))
    if device == "cuda":
        torch.cuda.synchronize()
    found = profiler.key_averages()
    orders = ["self_cpu_time_total", *(["self_cuda_time_total"] if device == "cuda" else [])]
    tables = [found.table(sort_by=order, row_limit=_ROWS, max_name_column_width=70) for order in orders]
    return f"{size} {method}, {_STEPS} updates\n\n" + "\n\n".join(tables)
