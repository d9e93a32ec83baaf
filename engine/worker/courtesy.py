"""How much of the machine a worker takes. Everything here must come before torch is imported.

OpenMP threads spin for a moment before they sleep, waiting for the next piece of work: threads that sleep at once made
a step a quarter slower (40 million weights, two cores), ones that spin for long three to five times as soon as another
program wanted a core. Headless runs take all cores. While a window is open (`TUNEWRIGHT_WINDOW=1`) the worker
yields to it: nice +10, and one core left free where there are four or more. A core counts once, however many
threads it takes.
"""

import os
import sys
from collections.abc import Mapping, MutableMapping

import psutil

from engine.library.devices import physical_cores

WINDOW_MARK = "TUNEWRIGHT_WINDOW"
NICENESS = 10
WAITING = {"GOMP_SPINCOUNT": "5000", "KMP_BLOCKTIME": "1"}
"""Some tenths of a millisecond for GNU's OpenMP; whole milliseconds for LLVM's and Intel's."""
_ALLOCATOR = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF")
_APPLES_LIMITS = ("PYTORCH_MPS_HIGH_WATERMARK_RATIO", "PYTORCH_MPS_LOW_WATERMARK_RATIO")


def be_courteous(environment: MutableMapping[str, str], threads: int | None = None) -> None:
    """Settle priority and threads by what `environment` says; it is changed for the libraries to come.

    `threads` is the user's preference; a number in the environment goes before it.
    """
    environment["HF_HUB_DISABLE_TELEMETRY"] = "1"
    environment["HF_HUB_DISABLE_UPDATE_CHECK"] = "1"
    environment.setdefault("TOKENIZERS_PARALLELISM", "false")
    if threads is not None:
        environment.setdefault("OMP_NUM_THREADS", str(threads))
    for name, value in (WAITING | memory_settings(sys.platform, environment)).items():
        environment.setdefault(name, value)
    environment.setdefault("OMP_NUM_THREADS", str(own_threads(environment, physical_cores())))
    if environment.get(WINDOW_MARK) != "1":
        return
    _lower_priority()


def own_threads(environment: Mapping[str, str], cores: int) -> int:
    """How many threads compute where nobody chose: one for each physical core, less the one left to a window."""
    return cores - 1 if environment.get(WINDOW_MARK) == "1" and cores >= 4 else cores


def memory_settings(platform: str, environment: Mapping[str, str]) -> dict[str, str]:
    """How torch's allocators keep a graphics device's memory; what somebody set in the environment stays.

    NVIDIA (Linux has what it takes): segments that grow. Rows of every length leave gaps between fixed ones, which
    count as used. Apple: torch's own limit, 1.7 times what the system recommends, lies above all there is, so that a
    run slides into swap; at the recommended limit memory runs out instead, and fewer rows go through at a time.
    The soft limit must lie below the hard one.
    """
    if platform == "linux" and not any(name in environment for name in _ALLOCATOR):
        return {_ALLOCATOR[0]: "expandable_segments:True"}
    if platform == "darwin" and not any(name in environment for name in _APPLES_LIMITS):
        return dict(zip(_APPLES_LIMITS, ("1.0", "0.9"), strict=True))
    return {}


def _lower_priority() -> None:
    process = psutil.Process()
    if os.name == "nt":
        process.nice(psutil.BELOW_NORMAL_PRIORITY_CLASS)
    elif process.nice() < NICENESS:
        process.nice(NICENESS)
