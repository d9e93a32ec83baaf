"""From raw figures to the rows of the table: ratios within a repetition, their medians, the worst of them."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import median

from benchmarks.table import Row, spread
from benchmarks.training.cases import (
    DEFAULT,
    OURS,
    OURS_CHECKPOINTED,
    TUNED_CHECKPOINTED,
    Case,
    Variant,
)
from benchmarks.training.taken import Taken

MEGABYTE = 1e6
STEADY = 0.15
"""How far the machine's own rate may move during a repetition before that is told."""

Turns = Mapping[int, float]
"""A figure by the number of the repetition, from 1."""


@dataclass
class Measured:
    """What is known of a case: each variant's runs, seconds of the unavoidable products, and the machine's rates.

    Each by repetition; `rates` hold operations a second before and after, `loads` the load average before.
    """

    case: Case
    runs: dict[str, dict[int, Taken]] = field(default_factory=dict)
    products: dict[int, float] = field(default_factory=dict)
    rates: dict[int, tuple[float, float]] = field(default_factory=dict)
    loads: dict[int, float] = field(default_factory=dict)

    def of(self, variant: str) -> dict[int, Taken]:
        """The runs of a variant; none where it did not take part."""
        return self.runs.get(variant, {})


def ratios(over: Turns, under: Turns) -> dict[int, float]:
    """One figure over the other within each repetition that has both."""
    return {turn: over[turn] / under[turn] for turn in sorted(over.keys() & under.keys())}


def speeds(runs: Mapping[int, Taken]) -> dict[int, float]:
    """Tokens a second of the first epoch."""
    return {turn: taken.speed for turn, taken in runs.items()}


def unsteady(rates: Mapping[int, tuple[float, float]]) -> list[int]:
    """The repetitions during which the machine's rate moved too much."""
    return [turn for turn, pair in rates.items() if max(pair) > (1 + STEADY) * min(pair)]


def worst(measured: Measured) -> tuple[float, str, int] | None:
    """The smallest ratio of ours to any peer in any repetition, with the peer and the repetition."""
    found = [
        (ratio, variant.name, turn)
        for variant in _peers(measured.case)
        for turn, ratio in ratios(speeds(measured.of(OURS)), speeds(measured.of(variant.name))).items()
    ]
    return min(found, default=None)


def strongest(measured: Measured) -> str | None:
    """The tuned peer with the highest median speed."""
    tuned = {
        variant.name: median(speeds(measured.of(variant.name)).values())
        for variant in measured.case.variants
        if variant.is_tuned and measured.of(variant.name)
    }
    return max(tuned, key=lambda name: tuned[name], default=None)


def rows_of(measured: Measured) -> list[Row]:
    """All rows of a case."""
    name = measured.case.name
    rows = [
        Row(f"{name}: {variant.name}", _words(measured.of(variant.name), measured.case))
        for variant in measured.case.variants
        if measured.of(variant.name)
    ]
    for part in (_speed_rows, _reference_rows, _lacking_rows, _memory_rows, _product_rows, _machine_rows):
        rows += [Row(f"{name}: {row.what}", row.figure, row.aim, row.is_met) for row in part(measured)]
    return rows


def at_least(what: str, values: Iterable[float], aim: float | None, unit: str = "times") -> Row:
    """A row whose median should reach the aim."""
    found = list(values)
    wanted = "" if aim is None else f"at least {aim:g} {unit}"
    return Row(what, spread(found, unit, 2), wanted, None if aim is None else median(found) >= aim)


def at_most(what: str, values: Iterable[float], aim: float | None, unit: str, digits: int = 2) -> Row:
    """A row whose median should not exceed the aim."""
    found = list(values)
    wanted = "" if aim is None else f"at most {aim:g} {unit}"
    return Row(what, spread(found, unit, digits), wanted, None if aim is None else median(found) <= aim)


def _peers(case: Case) -> list[Variant]:
    """TRL's sides whose speed counts."""
    return [variant for variant in case.variants if variant.is_tuned or variant.name == DEFAULT]


def _words(runs: Mapping[int, Taken], case: Case) -> str:
    """One side in words."""
    taken = list(runs.values())
    per_second = spread([one.speed for one in taken], "tokens/s")
    if case.method == "dpo":
        pairs = case.rows * (case.updates - 1)
        per_second += f", {median(one.speed / one.timed_tokens * pairs for one in taken):.2f} pairs/s"
    return (
        f"{per_second}; {median(one.per_processor_second for one in taken):.0f} tokens a processor second; "
        f"set-up {median(one.set_up for one in taken):.1f} s, "
        f"reference {median(one.reference for one in taken):.1f} s; "
        f"peak {median(one.memory for one in taken) / MEGABYTE:,.0f} MB; weights {taken[0].dtype}"
    )


def _speed_rows(measured: Measured) -> list[Row]:
    aims, ours, rows = measured.case.aims, measured.of(OURS), list[Row]()
    default = ratios(speeds(ours), speeds(measured.of(DEFAULT)))
    if default:
        rows.append(at_least(f"**faster than {DEFAULT}**", default.values(), aims.default))
    best = strongest(measured)
    for variant in measured.case.variants:
        found = ratios(speeds(ours), speeds(measured.of(variant.name))) if variant.is_tuned else {}
        if found:
            is_best = variant.name == best
            what = (
                f"**faster than {best}, the strongest tuned**" if is_best else f"faster than {variant.name}"
            )
            rows.append(at_least(what, found.values(), aims.tuned if is_best else None))
    whole = _everything(ours, measured.of(DEFAULT))
    if whole:
        what = f"faster than {DEFAULT} in an epoch with everything (imports, set-up, reference, saving)"
        rows.append(at_least(what, whole.values(), None))
    lowest = worst(measured)
    if lowest is not None:
        ratio, peer, turn = lowest
        rows.append(Row("worst ratio of all repetitions", f"{ratio:.2f} times, {peer}, repetition {turn}"))
    return rows


def _everything(ours: Mapping[int, Taken], theirs: Mapping[int, Taken]) -> dict[int, float]:
    return ratios(
        {turn: taken.everything for turn, taken in theirs.items()},
        {turn: taken.everything for turn, taken in ours.items()},
    )


def _reference_rows(measured: Measured) -> list[Row]:
    """From the second epoch on: ours knows the reference, the default looks at it in each update."""
    if measured.case.method != "dpo":
        return []
    later = {turn: taken.later_speed for turn, taken in measured.of(OURS).items()}
    rows = []
    for peer in _peers(measured.case):
        theirs = {turn: taken.later_speed for turn, taken in measured.of(peer.name).items()}
        found = ratios(later, theirs)
        aim = measured.case.aims.second_epoch if peer.name == DEFAULT else None
        if found:
            mark = "**" if aim else ""
            what = f"{mark}faster than {peer.name} from the second epoch on{mark}"
            rows.append(at_least(what, found.values(), aim))
    return rows


def _lacking_rows(measured: Measured) -> list[Row]:
    """Ours against ours without one of its ways."""
    rows = []
    for variant in measured.case.variants:
        found = ratios(speeds(measured.of(OURS)), speeds(measured.of(variant.name))) if variant.lacks else {}
        if found:
            rows.append(at_least(f"what {variant.lacks} gains", found.values(), variant.aim))
    return rows


def _memory_rows(measured: Measured) -> list[Row]:
    aims, case = measured.case.aims, measured.case
    pairs = [
        ("peak memory", OURS, DEFAULT, aims.memory),
        ("peak memory, both recomputing", OURS_CHECKPOINTED, DEFAULT, aims.memory_recomputing),
        ("peak memory, both recomputing", OURS_CHECKPOINTED, TUNED_CHECKPOINTED, None),
        *(("peak memory", OURS, variant.name, None) for variant in case.variants if variant.is_tuned),
    ]
    rows = []
    for what, ours, theirs, aim in pairs:
        found = ratios(_memory(measured.of(ours)), _memory(measured.of(theirs)))
        if found:
            rows.append(at_most(f"{what}, share of {theirs}", found.values(), aim, "times"))
    return rows


def _memory(runs: Mapping[int, Taken]) -> dict[int, float]:
    return {turn: float(taken.memory) for turn, taken in runs.items()}


def _product_rows(measured: Measured) -> list[Row]:
    ours = {turn: taken.timed_seconds for turn, taken in measured.of(OURS).items()}
    found = ratios(measured.products, ours)
    if not found:
        return []
    aim = measured.case.aims.products
    what = "**share of the time of the matrix products that nobody can avoid**"
    percent = [100 * share for share in found.values()]
    return [at_least(what, percent, None if aim is None else 100 * aim, "%")]


def _machine_rows(measured: Measured) -> list[Row]:
    rates: Sequence[float] = [rate / 1e9 for pair in measured.rates.values() for rate in pair]
    if not rates:
        return []
    moved = unsteady(measured.rates)
    words = spread(rates, "GFLOP/s")
    if moved:
        words += f"; moved more than {STEADY:.0%} in repetition {', '.join(map(str, moved))}"
    if measured.loads:
        words += f"; load average before {median(measured.loads.values()):.2f}"
    return [Row("the machine's rate of products, before and after", words)]
