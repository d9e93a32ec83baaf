"""The subjects `training` (the gate, all cases, the start of a run), `growth` and `start`. Each is one table."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from benchmarks.table import Row, Table
from benchmarks.training.asked import Asked, tell
from benchmarks.training.cases import CASES, DEFAULT, GROWTH, OURS, QUICK, QUICK_GROWTH, REPETITIONS, Case
from benchmarks.training.figures import MEGABYTE, Measured, rows_of
from benchmarks.training.ours import job_for
from benchmarks.training.process import module, run_measured, threads
from benchmarks.training.raw import Raw, open_raw
from benchmarks.training.repeating import Prepared, prepare, repeat
from benchmarks.training.start import SETTLE_SECONDS, rows_of_start
from benchmarks.training.theirs import is_there

STARTS = 3
START_CASE = "0.5B SFT"
_START = (
    "- Start to the first update: a worker beside a window (nice +10), the model's files in the disk's cache. "
    "Behind it what it consists of: until the worker loads the model (a new one imports its libraries first), "
    "the model, the rows, the adapter with the proof of the fast paths, the update itself."
)


def measure(asked: Asked) -> Table:
    """Speed and memory of whole epochs beside TRL's; no figure of speed where the gate does not hold."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        gate = (
            equality_rows(folder) if is_there() else [Row("equal to TRL in float32", "TRL is not installed")]
        )
        rows = list(gate)
        if all(row.is_met is not False for row in gate):
            rows += _all_cases(asked, folder, open_raw())
    return Table("Training beside TRL", _how(), tuple(rows))


def measure_growth(asked: Asked) -> Table:
    """How speed and memory grow with length, vocabulary and rows, once each."""
    with tempfile.TemporaryDirectory() as name:
        raw, rows = open_raw(), list[Row]()
        for case in QUICK_GROWTH if asked.quick else GROWTH:
            if asked.is_wanted(case.name):
                prepared = prepare(case, models_folder(), Path(name))
                rows.append(growth_row(repeat(prepared, asked.repetitions or 1, raw)))
    how = (
        "SFT of a model with 8 layers, 512 wide, beside TRL's defaults. All rows of an update have the same length, so "
        "that nothing is padded, and a quarter of it is learned. One warm-up update is not timed."
    )
    return Table("How training grows", how, tuple(rows))


def measure_start(asked: Asked) -> Table:
    """From pressing Start to the first update of the large model, with what it consists of."""
    name = QUICK[0].name if asked.quick else START_CASE
    case = next(case for case in (*QUICK, *CASES) if case.name == name)
    with tempfile.TemporaryDirectory() as folder:
        rows = _start(prepare(case, models_folder(), Path(folder)), asked, open_raw())
    return Table("From Start to the first update", _START, tuple(rows))


def equality_rows(folder: Path) -> list[Row]:
    """Loss and gradients beside TRL's, family by family."""
    tell("equal to TRL in float32?")
    result = folder / "equality.json"
    run_measured(module("equality", folder / "gate", result), folder / "equality", {})
    rows = []
    for one in json.loads(result.read_text(encoding="utf-8")):
        words = f"loss {one['loss']:.1e}, worst gradient {one['gradient']:.1e} ({one['worst']})"
        rows.append(Row(f"equal to TRL in float32: {one['what']}", words, "rounding alone", one["passed"]))
    return rows


def growth_row(measured: Measured) -> Row:
    """Both sides and their ratio in one row."""
    firsts = {name: next(iter(measured.of(name).values()), None) for name in (DEFAULT, OURS)}
    words = [
        f"{name} {taken.speed:,.0f} tokens/s, {taken.memory / MEGABYTE:,.0f} MB"
        for name, taken in firsts.items()
        if taken is not None
    ]
    theirs, ours = firsts[DEFAULT], firsts[OURS]
    if theirs is not None and ours is not None:
        faster, share = ours.speed / theirs.speed, ours.memory / theirs.memory
        words.append(f"**{faster:.2f} times** the speed, {share:.2f} of the memory")
    return Row(measured.case.name, "; ".join(words))


def models_folder() -> Path:
    """Where models of random weights are kept from one benchmark to the next."""
    return Path(tempfile.gettempdir()) / "tunewright-benchmark-models"


def case_names(quick: bool) -> dict[str, tuple[str, ...]]:
    """The names of the cases of each long subject."""
    cases = {"training": QUICK if quick else CASES, "growth": QUICK_GROWTH if quick else GROWTH}
    return {subject: tuple(case.name for case in of) for subject, of in cases.items()}


def wanted_cases(asked: Asked) -> Sequence[Case]:
    """The cases that were asked for."""
    return [case for case in (QUICK if asked.quick else CASES) if asked.is_wanted(case.name)]


def _all_cases(asked: Asked, folder: Path, raw: Raw) -> list[Row]:
    rows = []
    for case in wanted_cases(asked):
        prepared = prepare(case, models_folder(), folder)
        measured = repeat(prepared, asked.repetitions or (1 if asked.quick else REPETITIONS), raw)
        rows += rows_of(measured)
        if case.name in (START_CASE, QUICK[0].name):
            rows += _start(prepared, asked, raw)
    return rows


def _start(prepared: Prepared, asked: Asked, raw: Raw) -> list[Row]:
    """The time to the first update, with the case's own job."""
    job = job_for(prepared.case, prepared.model, prepared.data)
    times, settle = (1, 4.0) if asked.quick else (STARTS, SETTLE_SECONDS)
    return rows_of_start(prepared.case.name, job, times, settle, raw, is_goal=not asked.quick)


def _how() -> str:
    epochs = "; ".join(f"{case.name} {case.updates} x {case.rows}" for case in CASES)
    return "\n".join(
        [
            f"- Each run is a fresh process (threads: {threads()}), first A B C D, then D C B A, and so on; ratios are "
            "taken within a repetition.",
            "- Both sides read the same JSON Lines and tokenise them. Rows, their order and the rows of an update are "
            "the same; real tokens are counted on both sides and must be equal (a pair is prompt with chosen and "
            "prompt with rejected). LoRA of rank 16 on all seven matrices of a layer, AdamW, clip 1, constant rate.",
            f"- An epoch is (updates x rows or pairs): {epochs}. The first update warms up, the rest is timed.",
            "- TRL default: all its own defaults (float32 weights, bfloat16 autocast, recomputing, for DPO the "
            "reference in each update). Tuned: bfloat16 weights, no recomputing, glibc told to keep its memory, for "
            "DPO the reference computed beforehand and counted by its share of an epoch. Packed: tuned, rows packed "
            "to 1,024 tokens. Grouped: tuned, batches of like length, so not the others' batches. TRL packs no pairs "
            "and does not group them.",
            "- Ours: the worker on a run's folder with a job's defaults, nothing kept back, nothing sampled, saved at "
            "the end; its reference is counted by its share of an epoch, too.",
            "- Set-up is from the process's start to the first update. Recomputing is gradient checkpointing. Peak "
            "memory is the process's largest resident set.",
            "- Products: y and dx of every frozen matrix and the head at learned positions, forward and back, timed "
            "right beside ours in each repetition, in the last layer all but k and v at learned positions alone; "
            "attention's six are counted at the same rate.",
            _START,
        ]
    )
