"""A process of its own that measures: whether both sides are equal, their updates in turn, or one side's memory.

    python -m benchmarks.grown.measuring PLAN_FILE RESULT_FILE

The plan names the files, `what` ("gate", "speed" or "memory"), what learns ("full" or "lora"), the numbers, and for
"memory" the side.
"""

import json
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from benchmarks.grown.making import Files, files_from
from benchmarks.grown.sides import Ours, Theirs, draw, tokens_of_updates
from benchmarks.training.texts import dumped

OURS, DEFAULT, LOOP = "Tunewright", "transformers, grouped_mm", "transformers, eager"
SIDES = (OURS, DEFAULT, LOOP)
LOSS, GRADIENT = 1e-5, 1e-4


def measured(plan: Mapping[str, Any], folder: Path) -> dict[str, Any]:  # Any: JSON values
    """What the plan asks for; `folder` is for runs."""
    files, learns, dtype = files_from(plan["files"]), plan["learns"], plan["dtype"]
    match plan["what"]:
        case "gate":
            return difference(files, learns, folder)
        case "speed":
            return speeds(files, learns, dtype, folder)
        case _:
            side = opened(plan["side"], files, learns, dtype, folder)
            for _ in files.updates[:2]:
                side.update()
            return {}


def opened(name: str, files: Files, learns: str, dtype: str, folder: Path) -> Ours | Theirs:
    """A side, ready for its first update."""
    if name == OURS:
        return Ours(files, learns, dtype, folder / f"run {learns} {dtype}")
    return Theirs(files, learns, dtype, name.rpartition(" ")[2])


def speeds(files: Files, learns: str, dtype: str, folder: Path) -> dict[str, Any]:  # Any: JSON values
    """Wall seconds of each side's updates after a first one, in turn forwards and backwards, and their tokens."""
    sides = {name: opened(name, files, learns, dtype, folder) for name in SIDES}
    seconds: dict[str, list[float]] = {name: [] for name in sides}
    for number in range(len(files.updates)):
        for name in SIDES if number % 2 else reversed(SIDES):
            started = time.perf_counter()
            sides[name].update()
            if number:
                seconds[name].append(time.perf_counter() - started)
    return {"seconds": seconds, "tokens": tokens_of_updates(files)[1:]}


def difference(files: Files, learns: str, folder: Path) -> dict[str, Any]:  # Any: JSON values
    """How far loss and gradients of the first update are apart in float32, the worst parameter by its size."""
    found = []
    for name in SIDES:
        side = opened(name, files, learns, "float32", folder)
        if learns == "lora":
            draw(side.trained)
        found.append(side.gradients())
    (loss, ours), *others = found
    worst, where, apart = 0.0, "", 0.0
    for their_loss, theirs in others:
        if theirs.keys() != ours.keys():
            names = sorted(ours.keys() ^ theirs.keys())
            raise RuntimeError(f"The two sides train other parameters: {names[:4]} on one side alone.")
        apart = max(apart, abs(loss - their_loss))
        for name, gradient in ours.items():
            share = float((gradient - theirs[name]).norm() / theirs[name].norm())
            if not share <= worst:  # what is no number is the worst
                worst, where = share, name
    return {
        "loss": apart,
        "gradient": worst,
        "worst": where,
        "compared": len(ours),
        "passed": apart <= LOSS and worst <= GRADIENT,
    }


if __name__ == "__main__":
    torch.set_float32_matmul_precision("highest")
    with tempfile.TemporaryDirectory() as _folder:
        _plan = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
        dumped(measured(_plan, Path(_folder)), Path(sys.argv[2]))
