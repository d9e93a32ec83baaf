"""How many rows go through the model at a time, and what happens when memory runs out."""

import gc
from collections.abc import Callable
from typing import TypeVar

import psutil
import torch

from engine.job.channel import Desk
from engine.job.errors import ResourceError
from engine.job.events import Remark
from engine.job.job import Job
from engine.library.devices import Machine
from engine.library.estimate import RowStats, estimate
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


def first_rows_at_a_time(job: Job, info: ModelInfo, examples: Examples, machine: Machine) -> int:
    """How many rows at a time the estimate says, for the rows as they really are."""
    stats = RowStats(
        rows=len(examples),
        tokens_mean=sum(examples.lengths) / len(examples),
        tokens_max=max(examples.lengths),
        trained_share=examples.trained / examples.tokens,
    )
    return estimate(job, info, stats, machine).micro_batch


class RowsAtATime:
    """The rows of a micro-batch: halved whenever memory runs out, down to one."""

    def __init__(self, size: int, desk: Desk) -> None:
        self.size = size
        self._desk = desk

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
            self._halve()

    def _halve(self) -> None:
        release()
        if self.size == 1:
            advice = "Shorten rows ([rows] max_tokens), free the memory ([train] checkpointing), or take a smaller model."
            raise ResourceError("Memory ran out with a single row.", advice)
        self.size = (self.size + 1) // 2
        title = f"Memory ran out; going on with {self.size} rows at a time."
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
