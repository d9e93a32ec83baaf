"""A process of its own, waited for, with what it cost: wall and processor seconds and the most memory it held."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import ROOT
from engine.library.devices import physical_cores

_TELLING = 3000  # characters of its words that are told when it fails


@dataclass(frozen=True)
class Cost:
    """`started` in seconds since the epoch; wall and processor seconds; bytes at most."""

    started: float
    wall: float
    processor: float
    memory: int


def common_environment(folder: Path) -> dict[str, str]:
    """The same for both sides: threads, no internet, and a home and caches that are empty."""
    return {
        **os.environ,
        "OMP_NUM_THREADS": threads(),
        "TOKENIZERS_PARALLELISM": "false",
        "PYTHONPATH": str(ROOT),
        "TUNEWRIGHT_HOME": str(folder / "home"),
        "HF_HOME": str(folder / "huggingface"),
        "HF_HUB_OFFLINE": "1",
        "CUDA_VISIBLE_DEVICES": "",
    }


def threads() -> str:
    """Threads of every process that computes: as set in the environment, else one for each physical core."""
    return os.environ.get("OMP_NUM_THREADS") or str(physical_cores())


def run_measured(command: Sequence[str], folder: Path, environment: Mapping[str, str]) -> Cost:
    """Run it to its end in `folder`, where its words stay in `words.txt`; raises RuntimeError when it fails.

    The memory is `ru_maxrss` of the process, which counts from the moment it was split off: the one that calls must
    be smaller than what it measures.
    """
    folder.mkdir(parents=True, exist_ok=True)
    words = folder / "words.txt"
    with words.open("w", encoding="utf-8") as out:
        started, clock = time.time(), time.perf_counter()
        child = subprocess.Popen(
            list(command),
            cwd=ROOT,
            env={**common_environment(folder), **environment},
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
        )
        try:
            _, status, usage = os.wait4(child.pid, 0)
        except BaseException:
            child.kill()
            raise
        wall = time.perf_counter() - clock
    code = child.returncode = os.waitstatus_to_exitcode(status)
    if code:
        said = words.read_text(encoding="utf-8", errors="replace")[-_TELLING:]
        raise RuntimeError(f"{' '.join(command)[:120]} ended with {code}:\n{said}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Cost(started, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def module(name: str, *arguments: object) -> list[str]:
    """The command line of a module of this benchmark."""
    return [sys.executable, "-m", f"benchmarks.training.{name}", *map(str, arguments)]
