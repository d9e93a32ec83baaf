"""The subject `grown`: an update of a model that has grown experts, here and in transformers. One table."""

import json
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.grown.making import FULL, GATE, QUICK, Files, make_files
from benchmarks.grown.measuring import DEFAULT, LOOP, OURS, SIDES
from benchmarks.table import Row, Table, spread
from benchmarks.training.asked import Asked, tell
from benchmarks.training.process import Cost, run_measured, threads
from benchmarks.training.texts import dumped
from engine.models.placement import has_bfloat16

LEARNS = {"full": "every weight", "lora": "LoRA"}
MEGABYTE = 1e6
_MODULE = [sys.executable, "-m", "benchmarks.grown.measuring"]


def measure(asked: Asked) -> Table:
    """The gate first; no speed where it does not hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = gate_rows(make_files(GATE, folder / "gate files"), folder)
        if all(row.is_met for row in rows):
            files = make_files(QUICK if asked.quick else FULL, folder / "files")
            numbers = ["float32", *(["bfloat16"] if has_bfloat16("cpu") else [])]
            for dtype in numbers:
                for learns in LEARNS:
                    rows += rows_of(files, learns, dtype, folder)
    return Table("A model that has grown experts", _how(), tuple(rows))


def gate_rows(files: Files, folder: Path) -> list[Row]:
    """Loss and gradients of both sides, in float32."""
    rows = []
    for learns, words in LEARNS.items():
        tell(f"grown experts, {words}: equal to transformers in float32?")
        found, _ = _measured(files, folder, what="gate", learns=learns, dtype="float32")
        said = f"loss {found['loss']:.1e}, worst of {found['compared']} gradients {found['gradient']:.1e}"
        what = f"equal to transformers in float32: {words}"
        rows.append(Row(what, f"{said} ({found['worst']})", "rounding alone", found["passed"]))
    return rows


def rows_of(files: Files, learns: str, dtype: str, folder: Path) -> list[Row]:
    """Speed of all sides in one process, in turn; memory of each in its own."""
    words = f"{LEARNS[learns]}, {dtype}"
    tell(f"grown experts, {words}: speed")
    found, _ = _measured(files, folder, what="speed", learns=learns, dtype=dtype)
    rows = speed_rows(words, found["seconds"], found["tokens"])
    memory = {}
    for side in SIDES:
        tell(f"grown experts, {words}: memory of {side}")
        _, cost = _measured(files, folder, what="memory", learns=learns, dtype=dtype, side=side)
        memory[side] = cost.memory
    figures = "; ".join(f"{side} {held / MEGABYTE:,.0f} MB" for side, held in memory.items())
    share = memory[OURS] / memory[DEFAULT]
    rows.append(Row(f"{words}: peak memory", f"{figures}; **{share:.2f}** of {DEFAULT}"))
    return rows


def speed_rows(words: str, seconds: dict[str, list[float]], tokens: Sequence[int]) -> list[Row]:
    """Tokens a second of each side, and ours against the others in the very same updates."""
    rows = [
        Row(
            f"{words}: {side}, a second",
            spread([count / each for count, each in zip(tokens, taken, strict=True)], "tokens"),
        )
        for side, taken in seconds.items()
    ]
    for side in (DEFAULT, LOOP):
        ratios = [theirs / ours for theirs, ours in zip(seconds[side], seconds[OURS], strict=True)]
        what = f"{words}: **{OURS} against {side}**"
        rows.append(Row(what, spread(ratios, "times as fast", 2), "≥ 1", median(ratios) >= 1))
    return rows


def _measured(files: Files, folder: Path, **plan: str) -> tuple[dict[str, Any], Cost]:  # Any: JSON values
    place = folder / " ".join(plan.values())
    place.mkdir()
    asked = dumped({"files": files.plain(), **plan}, place / "plan.json")
    command = [*_MODULE, str(asked), str(place / "result.json")]
    cost = run_measured(command, place, {})
    return json.loads((place / "result.json").read_text(encoding="utf-8")), cost


def _how() -> str:
    return "\n".join(
        [
            f"- A random Llama ({FULL.layers} layers, {FULL.hidden} wide) with 4 experts in each layer, 2 for each "
            f"token; {FULL.rows} rows of 100 to 500 tokens an update, a third of them learned. Threads: {threads()}.",
            '- Ours is a run of a job with `[moe] kind = "upcycle"`, its own loop and all that it does between '
            "updates. The other side is the same model's stock files in MixtralForCausalLM: padded batches, its own "
            "loss and balance loss, autograd, clipping, torch's fused AdamW; LoRA is PEFT's, on the same parameters. "
            "`grouped_mm` is its default here, `eager` its loop over experts.",
            "- In bfloat16 weights that learn are held in float32 under autocast, as transformers' Trainer does it; "
            "what is frozen is held in bfloat16.",
            "- Speed: all three in one process, an update of each in turn, A B C, then C B A, on the same rows; real "
            "tokens count. The first update of each is not timed; ratios are of the same update. Memory: a process "
            "for each, two updates, its largest resident set.",
            "- The gate has one layer: of several, transformers balances all layers' tokens together, we each layer.",
        ]
    )
