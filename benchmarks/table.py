"""What a benchmark hands back: rows of figures with the spread they had, and the computer they were taken on."""

import os
import platform
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from statistics import median

from engine.library.devices import machine

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("torch", "transformers", "peft", "trl", "PySide6-Essentials", "pyqtgraph", "numpy")


@dataclass(frozen=True)
class Row:
    """One figure in words; `aim` is what we want it to be, `is_met` whether it is."""

    what: str
    figure: str
    aim: str = ""
    is_met: bool | None = None


@dataclass(frozen=True)
class Table:
    """The figures of one subject. `how` says in a sentence how they were taken."""

    title: str
    how: str
    rows: tuple[Row, ...]

    def markdown(self) -> str:
        """The table as it stands in RESULTS.md."""
        lines = [f"## {self.title}", "", self.how, "", "| | median (lowest to highest) | aim | met |"]
        lines.append("|---|---|---|---|")
        marks = {None: "", True: "yes", False: "**no**"}
        lines += [f"| {row.what} | {row.figure} | {row.aim} | {marks[row.is_met]} |" for row in self.rows]
        return "\n".join(lines)


def spread(values: Sequence[float], unit: str, digits: int = 0) -> str:
    """Median, lowest and highest of repeated measurements."""
    middle, low, high = median(values), min(values), max(values)
    if len(values) == 1:
        return f"{middle:.{digits}f} {unit} (once)"
    return f"{middle:.{digits}f} {unit} ({low:.{digits}f} to {high:.{digits}f}, n={len(values)})"


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def load() -> float:
    """Processes that wanted to run in the last minute, on average; NaN where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else float("nan")


def surroundings(load_before: float) -> str:
    """When and on what the figures were taken, as a list in Markdown."""
    here = machine()
    threads = os.environ.get("OMP_NUM_THREADS", "not set")
    found = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    devices = ", ".join(device.name for device in here.devices)
    lines = [
        f"- {time.strftime('%Y-%m-%d %H:%M')}, commit {commit_here()}",
        f"- {here.name}: {here.cores} cores, {here.memory_total / 2**30:.0f} GiB, {platform.platform()}; {devices}",
        f"- Python {platform.python_version()}, {found}; OMP_NUM_THREADS {threads}",
        f"- load average of one minute: {load_before:.2f} before, {load():.2f} after (the benchmarks load it, too)",
    ]
    return "\n".join(lines)


def fresh_process(
    *arguments: str, home: Path, environment: dict[str, str] | None = None
) -> "subprocess.CompletedProcess[str]":
    """Run this Python in a process of its own, offscreen, with a home that nobody else uses; raises on failure."""
    variables = {
        **os.environ,
        "TUNEWRIGHT_HOME": str(home),
        "QT_QPA_PLATFORM": "offscreen",
        "PYTHONPATH": str(ROOT),
        **(environment or {}),
    }
    done = subprocess.run(
        [sys.executable, *arguments], env=variables, cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)[:80]} ended with {done.returncode}:\n{done.stderr[-2000:]}")
    return done


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "missing"


def commit_here() -> str:
    """The checkout's commit, where git can say it."""
    try:
        done = subprocess.run(
            ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return "unknown"
    return done.stdout.strip() or "unknown"
