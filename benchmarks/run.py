"""All benchmarks with one command: `python3 run.py benchmark [names...] [--quick]`. Writes RESULTS.md.

Only a complete run of all subjects is written; a part or a quick one is printed alone.
"""

import argparse
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import chart, data, example, experts, large, timer, window  # noqa: E402
from benchmarks.table import Table, load, surroundings  # noqa: E402

SUBJECTS = {
    "window": window.measure,
    "chart": chart.measure,
    "data": data.measure,
    "large": large.measure,
    "timer": timer.measure,
    "example": example.measure,
    "experts": experts.measure,
}
RESULTS = ROOT / "benchmarks" / "RESULTS.md"
REMARKS = ROOT / "benchmarks" / "REMARKS.md"
GPU = ROOT / "benchmarks" / "GPU.md"


def main(arguments: list[str] | None = None) -> int:
    """Measure what was asked for; 1 when an aim was missed."""
    parser = argparse.ArgumentParser(prog="run.py benchmark", description="Measure how fast the app is.")
    parser.add_argument("names", nargs="*", help=f"what to measure: {', '.join(SUBJECTS)} (all)")
    parser.add_argument(
        "--quick", action="store_true", help="few and short measurements, to see that all works"
    )
    options = parser.parse_args(arguments)
    unknown = [name for name in options.names if name not in SUBJECTS]
    if unknown:
        parser.error(f"there is no benchmark '{unknown[0]}'; there are {', '.join(SUBJECTS)}")
    before = load()
    tables = []
    for name in options.names or SUBJECTS:
        print(f"{name} ...", file=sys.stderr, flush=True)
        tables.append(SUBJECTS[name](options.quick))
        print(tables[-1].markdown() + "\n", flush=True)
    if not options.names and not options.quick:
        RESULTS.write_text(report(tables, surroundings(before)), encoding="utf-8")
        print(f"Written to {RESULTS.relative_to(ROOT)}.", file=sys.stderr)
    return int(any(row.is_met is False for table in tables for row in table.rows))


def report(tables: list[Table], where: str) -> str:
    """RESULTS.md: where it was measured, the tables, what is to be known about them, and what gpu.py wrote last."""
    head = "# Speed, as measured\n\nWritten by `python3 run.py benchmark`; do not edit by hand."
    kept = [path.read_text(encoding="utf-8").strip() if path.exists() else "" for path in (REMARKS, GPU)]
    parts = [head, where, *(table.markdown() for table in tables), *kept]
    return "\n\n".join(part for part in parts if part) + "\n"


if __name__ == "__main__":
    sys.exit(main())
