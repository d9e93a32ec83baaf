"""A case again and again: every side a fresh process, A B C D, then D C B A, the machine's rate between them."""

import json
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.table import load
from benchmarks.training.asked import tell
from benchmarks.training.cases import SIZES, Case, Variant
from benchmarks.training.figures import Measured
from benchmarks.training.ours import SEED, job_for, run_ours
from benchmarks.training.process import module, run_measured
from benchmarks.training.raw import Raw
from benchmarks.training.taken import Taken, refuse_other_work, taken_from
from benchmarks.training.texts import dumped, parts_of, read_rows, tokens_of, write_rows
from benchmarks.training.theirs import is_there, run_theirs


@dataclass(frozen=True)
class Prepared:
    """A case's files: model folder, rows, and the rows of each update by number from 1. `folder` is for its runs."""

    case: Case
    model: Path
    data: Path
    updates: list[list[int]]
    folder: Path


def prepare(case: Case, models: Path, folder: Path) -> Prepared:
    """Make what the case reads: its model below `models` (kept for later), its rows below `folder`."""
    place = folder / case.name
    place.mkdir(parents=True, exist_ok=True)
    size = SIZES[case.size]
    data = write_rows(case, size.vocabulary, place / "rows.jsonl")
    model, order = models / case.size, place / "order.json"
    if not model.exists():
        tell(f"{case.name}: making the model")
    count = case.rows * case.updates
    command = module("making", case.size, model, count, case.rows, SEED, order)
    run_measured(command, place / "making", {})
    return Prepared(case, model, data, json.loads(order.read_text(encoding="utf-8")), place)


def turn_of(case: Case, turn: int, has_trl: bool = True) -> list[Variant]:
    """The ways of a repetition in their order: forwards in the first, backwards in the second, and so on."""
    taking_part = [
        variant
        for variant in case.variants
        if (turn - 1) % variant.every == 0 and (has_trl or variant.side != "trl")
    ]
    return taking_part if turn % 2 else taking_part[::-1]


def repeat(prepared: Prepared, repetitions: int, raw: Raw) -> Measured:
    """All repetitions of a case, those that are known already taken from `raw`.

    One that broke off keeps the machine's rate of its beginning, so that it is flagged if it ended on a busier machine.
    """
    case = prepared.case
    measured = Measured(case)
    has_trl = is_there()
    for turn in range(1, repetitions + 1):
        ways = turn_of(case, turn, has_trl)
        missing = [way for way in ways if raw.find("run", _digest(case), way.name, turn) is None]
        if missing and raw.find("before", _digest(case), turn) is None:
            raw.add([_rate(prepared), load()], "before", _digest(case), turn)
        for number, way in enumerate(missing, 1):
            tell(f"{case.name}, repetition {turn} of {repetitions}, {number} of {len(missing)}: {way.name}")
            raw.add(_run(prepared, way), "run", _digest(case), way.name, turn)
        if missing:
            raw.add(_rate(prepared), "after", _digest(case), turn)
        _recall(measured, ways, turn, raw)
    return measured


def _recall(measured: Measured, ways: Sequence[Variant], turn: int, raw: Raw) -> None:
    digest = _digest(measured.case)
    for way in ways:
        found = raw.find("run", digest, way.name, turn)
        if way.side == "products":
            measured.products[turn] = found
        else:
            measured.runs.setdefault(way.name, {})[turn] = taken_from(found)
    before, after = raw.find("before", digest, turn), raw.find("after", digest, turn)
    if before is not None:
        measured.rates[turn], measured.loads[turn] = (before[0], after or before[0]), before[1]


def _digest(case: Case) -> str:
    """A name that changes with all that decides what is measured, but for the settings of each way."""
    return f"{case.name}: {case.updates} x {case.rows} {case.method} {case.size} {case.texts}"


def _run(prepared: Prepared, way: Variant) -> dict[str, object] | float:
    """What this way did or took, as JSON values; raises RuntimeError when it did other work than it was given."""
    folder = prepared.folder / way.name
    if way.side == "products":
        return _products(prepared, folder)
    case = prepared.case
    if way.side == "ours":
        job = job_for(case, prepared.model, prepared.data, way.settings)
        taken = run_ours(job, folder, way.environment)
    else:
        taken = run_theirs(case, way, prepared.model, prepared.data, prepared.updates, folder)
        shutil.rmtree(folder)
    _refuse(prepared, way, taken)
    return taken.plain()


def _refuse(prepared: Prepared, way: Variant, taken: Taken) -> None:
    rows = read_rows(prepared.data)
    learned = sum(part.learned for row in rows for part in parts_of(row))
    tokens = list(tokens_of(rows, prepared.updates))
    refuse_other_work(f"{prepared.case.name}, {way.name}", taken, tokens, learned, prepared.updates)


def _products(prepared: Prepared, folder: Path) -> float:
    """Seconds of the unavoidable products of the timed updates."""
    rows = read_rows(prepared.data)
    updates = [
        [(part.tokens, part.learned) for number in update for part in parts_of(rows[number - 1])]
        for update in prepared.updates[1:]
    ]
    folder.mkdir(parents=True, exist_ok=True)
    plan = dumped({"model": str(prepared.model), "updates": updates}, folder / "plan.json")
    return _said(module("products", "limit", plan), folder)


def _rate(prepared: Prepared) -> float:
    return _said(module("products", "rate"), prepared.folder / "rate")


def _said(command: list[str], folder: Path) -> float:
    """The number that the process says last."""
    run_measured(command, folder, {})
    return float((folder / "words.txt").read_text(encoding="utf-8").split()[-1])
