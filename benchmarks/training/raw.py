"""Raw figures as JSON lines, written as soon as they are known, so that a benchmark that breaks off goes on later.

The file is `TUNEWRIGHT_BENCHMARK_RAW`, else a fresh one whose path is told. Figures of another engine, or of another
case of the same name, are never taken up again.
"""

import hashlib
import json
import os
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.table import ROOT, commit_here
from benchmarks.training.asked import tell

VARIABLE = "TUNEWRIGHT_BENCHMARK_RAW"


class Raw:
    """Figures by their key: what was measured, in words, and in which repetition."""

    def __init__(self, path: Path, stamp: str) -> None:
        self.path, self._stamp = path, stamp
        self._known: dict[tuple[str, ...], Any] = {}  # Any: JSON values
        self.passed_over = 0
        for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else []:
            self._recall(line)

    def find(self, *key: object) -> Any | None:  # Any: JSON values
        """The figures of this key, None where they are not known."""
        return self._known.get(tuple(map(str, key)))

    def add(self, values: Any, *key: object) -> None:  # Any: JSON values
        """Keep figures, on disk at once."""
        names = tuple(map(str, key))
        self._known[names] = values
        line = {"stamp": self._stamp, "key": names, "time": time.time(), "values": values}
        with self.path.open("a", encoding="utf-8") as out:
            out.write(json.dumps(line) + "\n")

    def _recall(self, text: str) -> None:
        try:
            line = json.loads(text)
        except ValueError:  # cut short by a crash
            return
        if line["stamp"] != self._stamp:
            self.passed_over += 1
            return
        self._known[tuple(line["key"])] = line["values"]


def open_raw() -> Raw:
    """The file that the environment names, or a fresh one; tells where it is and what is taken up again."""
    named = os.environ.get(VARIABLE)
    if named:
        path = Path(named)
        path.parent.mkdir(parents=True, exist_ok=True)
    else:
        handle, text = tempfile.mkstemp(prefix="tunewright-benchmark-", suffix=".jsonl")
        os.close(handle)
        path = Path(text)
    raw = Raw(path, stamp_here())
    tell(f"raw figures: {path} (set {VARIABLE} to it to go on after a break)")
    if raw.passed_over:
        tell(f"{raw.passed_over} figures in it are of another state of the code and are not used")
    return raw


def stamp_here() -> str:
    """Names the code that is measured: the commit, and what was changed since in the engine and in this benchmark."""
    command = ["git", "diff", "HEAD", "--", "engine", "benchmarks/training"]
    try:
        changed = subprocess.run(command, cwd=ROOT, capture_output=True, check=False).stdout
    except OSError:
        changed = b""
    return commit_here() + (f"+{hashlib.blake2b(changed, digest_size=4).hexdigest()}" if changed else "")
