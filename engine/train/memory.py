"""How many rows go through the model at a time, and what happens when memory runs out."""

import gc
import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import psutil
import torch

from engine.job.channel import Desk
from engine.job.errors import ResourceError
from engine.job.events import Remark
from engine.job.job import Job
from engine.library.devices import Machine
from engine.library.estimate import case_of
from engine.library.memory_plan import Plan, RowStats, choose_plan, least_rows, most_layers
from engine.library.models import ModelInfo
from engine.train.examples import Examples

T = TypeVar("T")
# CUDA's libraries ask for working space of their own, past torch's allocator, and fail by a status alone.
_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "cannot allocate memory",
    "status_alloc_failed",
)


@dataclass(frozen=True)
class Fit:
    """How the run is done at first, and what is done when memory runs out all the same.

    Below `least` rows at a time all `layers` are computed again first; `layers` is 0 where they may not be.
    """

    plan: Plan
    least: int = 1
    layers: int = 0


def first_fit(job: Job, info: ModelInfo, examples: Examples, machine: Machine) -> Fit:
    """What the estimate says, for the rows as they really are."""
    stats = RowStats(
        rows=len(examples),
        tokens_mean=sum(examples.lengths) / len(examples),
        tokens_max=max(examples.lengths),
        trained_share=examples.trained / examples.tokens,
    )
    case = case_of(job, info, stats, machine)
    return Fit(choose_plan(case), least_rows(case), most_layers(case))


class RowsAtATime:
    """The rows of a micro-batch: halved whenever memory runs out, down to one.

    Where `recompute` is given, it is called before fewer than `least` rows are tried, and the same number is tried
    again: it has values computed again on the way back instead of keeping them.
    """

    def __init__(
        self, size: int, desk: Desk, least: int = 1, recompute: Callable[[], object] | None = None
    ) -> None:
        self.size = size
        self._desk = desk
        self._least, self._recompute = least, recompute

    def fitting(self, work: Callable[[int], T]) -> T:
        """Do `work(size)`, from its beginning with half as many rows each time memory runs out.

        Raises ResourceError when a single row is too much.
        """
        while True:
            try:
                return work(self.size)
            except (RuntimeError, MemoryError) as error:
                if not is_out_of_memory(error):
                    raise
            # Only here, after the handler has ended, is the traceback gone that held on to the activations.
            self._spare()

    def _spare(self) -> None:
        release()
        fewer = (self.size + 1) // 2
        if self._recompute is not None and (fewer < self._least or self.size == 1):
            self._recompute()
            self._recompute = None
            self._tell("Memory ran out; all layers are computed again on the way back from now on.")
        elif self.size > 1:
            self.size = fewer
            self._tell(f"Memory ran out; going on with {self.size} rows at a time.")
        else:
            advice = "Shorten rows ([rows] max_tokens), free the memory ([train] checkpointing), or take a smaller model."
            raise ResourceError("Memory ran out with a single row.", advice)

    def _tell(self, title: str) -> None:
        self._desk.tell(Remark("info", title, "The result is the same. Nothing to do."))


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception of Python's or torch's says that memory ran out; often its words alone do."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return any(words in str(error).lower() for words in _WORDS)


def release() -> None:
    """Give back what nobody holds any more."""
    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def bound_memory(device: str) -> None:
    """Have an Apple GPU say that memory ran out where its own limit is, not 1.7 times as far: there everything swaps.

    Whoever set torch's own variable for it knows better.
    """
    if device == "mps" and "PYTORCH_MPS_HIGH_WATERMARK_RATIO" not in os.environ:
        torch.mps.set_per_process_memory_fraction(1.0)


class MemoryGauge:
    """Bytes in use where training happens: the device's most so far, or the process's on the CPU."""

    def __init__(self, device: str) -> None:
        self._device = device
        self._process = psutil.Process()

    def read(self) -> int:
        """Bytes now (CPU, MPS), or at most so far (CUDA)."""
        match self._device:
            case "cuda":
                return torch.cuda.max_memory_allocated()
            case "mps":
                return torch.mps.driver_allocated_memory()
            case _:
                return int(self._process.memory_info().rss)
