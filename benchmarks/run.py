"""All benchmarks with one command: `python3 run.py benchmark [names...] [--quick]`. Writes RESULTS.md.

Only a complete run of all short subjects is written there; a part or a quick one is printed alone. The long subjects
(`training`: about an hour, `growth`: ten, `grown` and `topics`: eight, `start`: three) run by name alone and have a
file each, which RESULTS.md ends with:

    python3 run.py benchmark training                     the whole of it, into TRAINING.md
    python3 run.py benchmark training --quick             a minute with tiny models, to see that all works
    python3 run.py benchmark training --only "0.5B SFT"   one case, printed alone; --repetitions 1 for a first look
    python3 run.py benchmark training --profile           where the time of our updates goes, into PROFILE.md
    python3 run.py benchmark start                        from Start to the first update, also a part of training
    python3 run.py benchmark grown                        a model that has grown experts, beside transformers
    python3 run.py benchmark topics                       what a mixture of LoRA experts learns, beside one LoRA
"""

import argparse
import signal
import sys
from dataclasses import replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import chart, data, example, experts, large, timer, window  # noqa: E402
from benchmarks.grown import subject as grown  # noqa: E402
from benchmarks.table import Table, load, surroundings  # noqa: E402
from benchmarks.topics import subject as topics  # noqa: E402
from benchmarks.training import profiling, subject  # noqa: E402
from benchmarks.training.asked import Asked  # noqa: E402

SUBJECTS = {
    "window": window.measure,
    "chart": chart.measure,
    "data": data.measure,
    "large": large.measure,
    "timer": timer.measure,
    "example": example.measure,
    "experts": experts.measure,
}
LONG = {
    "training": subject.measure,
    "growth": subject.measure_growth,
    "start": subject.measure_start,
    "grown": grown.measure,
    "topics": topics.measure,
}
FOLDER = ROOT / "benchmarks"
RESULTS = FOLDER / "RESULTS.md"
REMARKS = FOLDER / "REMARKS.md"
GPU = FOLDER / "GPU.md"
FILES = {name: FOLDER / f"{name.upper()}.md" for name in (*LONG, "profile")}


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for; 1 when an aim was missed."""
    options = _options(arguments)
    asked = Asked(options.quick, tuple(options.only), options.repetitions)
    before = load()
    if options.profile:
        text = profiling.profiles(asked)
        print(text, flush=True)
        _keep("profile", text, options.quick)
        return 0
    tables = []
    for name in options.names or SUBJECTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        table = LONG[name](asked) if name in LONG else SUBJECTS[name](options.quick)
        tables.append(table)
        print(table.markdown() + "\n", flush=True)
        if name in LONG:
            where = f"{surroundings(before)}\n\n{table.how}"
            _keep(name, replace(table, how=where).markdown(), options.quick or bool(options.only))
    if not options.names and not options.quick:
        RESULTS.write_text(report(tables, surroundings(before)), encoding="utf-8")
        print(f"Written to {RESULTS.relative_to(ROOT)}.", file=sys.stderr)
    return int(any(row.is_met is False for table in tables for row in table.rows))


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="run.py benchmark", description="Measure how fast the app is.")
    names = (*SUBJECTS, *LONG)
    parser.add_argument(
        "names",
        nargs="*",
        help=f"what to measure: {', '.join(SUBJECTS)} (all of these), or by name alone {', '.join(LONG)}",
    )
    parser.add_argument(
        "--quick", action="store_true", help="few and short measurements, to see that all works"
    )
    parser.add_argument(
        "--only", action="append", default=[], metavar="CASE", help="of a long subject this case alone"
    )
    parser.add_argument("--repetitions", type=int, help="of a long subject, instead of the usual number")
    parser.add_argument(
        "--profile", action="store_true", help="with training: where the time of our updates goes"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in names]
    if unknown:
        parser.error(f"there is no benchmark '{unknown[0]}'; there are {', '.join(names)}")
    if options.profile and options.names != ["training"]:
        parser.error("--profile belongs to training alone")
    if options.repetitions is not None and options.repetitions < 1:
        parser.error("--repetitions must be at least 1")
    _refuse_unknown_case(parser, options)
    return options


def _refuse_unknown_case(parser: argparse.ArgumentParser, options: argparse.Namespace) -> None:
    cases = subject.case_names(options.quick)
    known = [case for name in options.names for case in cases.get(name, ())]
    unknown = [case for case in options.only if case not in known]
    if unknown:
        parser.error(
            f"there is no case '{unknown[0]}'; there are {', '.join(known) or 'none of these subjects'}"
        )


def _keep(name: str, text: str, is_part: bool) -> None:
    """Write a long subject's text to its file, and have RESULTS.md end with it; a part is printed alone."""
    if is_part:
        return
    FILES[name].write_text(text + "\n", encoding="utf-8")
    if RESULTS.exists():
        RESULTS.write_text(with_kept(RESULTS.read_text(encoding="utf-8")), encoding="utf-8")
    print(f"Written to {FILES[name].name} and to the end of {RESULTS.name}.", file=sys.stderr)


def report(tables: list[Table], where: str) -> str:
    """RESULTS.md: where it was measured, the tables, and what is kept in files of its own."""
    head = "# Speed, as measured\n\nWritten by `python3 run.py benchmark`; do not edit by hand."
    return _joined([head, where, *(table.markdown() for table in tables), *_kept()])


def with_kept(text: str) -> str:
    """A report with its end, from the remarks on, as the files say it now."""
    kept = _kept()
    title = kept[0].splitlines()[0]
    return _joined([text.partition(title)[0].strip(), *kept])


def _kept() -> list[str]:
    """What is to be known of the tables, and what the long subjects and gpu.py wrote last."""
    files = (REMARKS, *FILES.values(), GPU)
    return [path.read_text(encoding="utf-8").strip() if path.exists() else "" for path in files]


def _joined(parts: list[str]) -> str:
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what it started ends with it
    sys.exit(main())
