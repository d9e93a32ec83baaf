"""Training on one CUDA GPU: what must hold there, and how fast it is beside the same work done by others.

    python benchmarks/gpu.py                  table and checks; needs CUDA; under eight minutes; writes GPU.md
    python benchmarks/gpu.py --checks         the checks alone; names after it choose some: --checks resume memory
    python benchmarks/gpu.py --table          the table alone
    python benchmarks/gpu.py --cpu            the same with tiny models on the processor, to see that all works
    python benchmarks/gpu.py --profile FILE   also how many kernels an update is, how long the GPU idles, and all in FILE

It needs the checkout and installed packages, nothing else. In the table all sides take the same rows in the same
updates, with the same LoRA, in bfloat16; the first loss of each stands there as a proof. Our own sides differ in what the
job asks for (`WAYS` in gpu_training). Plain is a short loop with transformers and PEFT; TRL's trainers are timed where
TRL is installed. Tokens count once per sequence (prompt with chosen and prompt with rejected answer for DPO), padding never.
"""

import argparse
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING

import torch

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

if TYPE_CHECKING:
    from benchmarks.gpu_work import Bench

RESULTS = ROOT / "benchmarks" / "GPU.md"
PACKAGES = ("transformers", "peft", "trl", "bitsandbytes")


def main(arguments: list[str] | None = None) -> int:
    """Print table and checks; 1 where a check or a case failed, 2 where there is no CUDA and --cpu was not given."""
    options = _options(arguments)
    if not options.cpu and not torch.cuda.is_available():
        print("There is no CUDA device here; --cpu tries the same with a tiny model.", file=sys.stderr)
        return 2
    device = "cpu" if options.cpu else "cuda"
    told = [_surroundings(device, options.commit)]
    print(told[0] + "\n", flush=True)
    deadline = time.monotonic() + 60 * options.minutes
    failed, is_whole = 0, not (options.cpu or options.table or options.checks is not None)
    from benchmarks.gpu_work import Bench  # imports transformers and PEFT

    with tempfile.TemporaryDirectory() as folder:
        os.environ["TUNEWRIGHT_HOME"] = folder
        if options.table or options.checks is None:
            told.append("\n".join(_table(device, options.steps, Path(folder), deadline)))
            _keep(told, is_whole)
        if options.profile:
            told.append("\n".join(_profile(options.profile, device, Path(folder), deadline)))
            _keep(told, is_whole)
        if options.checks is not None or not options.table:
            lines, failed = _checks(options.checks or (), Bench(device, Path(folder), deadline))
            told.append("\n".join(lines))
            _keep(told, is_whole)
    return int(failed > 0 or any("**FAILED**" in part for part in told))


def _keep(told: Sequence[str], is_whole: bool) -> None:
    """Write what a whole run told so far: one that breaks off leaves its first part."""
    if is_whole:
        RESULTS.write_text("\n\n".join(told) + "\n", encoding="utf-8")


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Training on one CUDA GPU: checks, and speed beside others.")
    parser.add_argument("--cpu", action="store_true", help="tiny models on the processor instead")
    parser.add_argument("--checks", nargs="*", metavar="NAME", help="the checks alone, or these of them")
    parser.add_argument("--table", action="store_true", help="the table alone")
    parser.add_argument("--steps", type=int, default=12, help="updates of each run in the table (12)")
    parser.add_argument(
        "--minutes", type=float, default=7.5, help="after so many, begin no check or case (7.5)"
    )
    parser.add_argument("--profile", type=Path, metavar="FILE", help="write where the time of an update goes")
    parser.add_argument("--commit", default="", help="the commit to note, where git cannot say it")
    options = parser.parse_args(arguments)
    if options.steps <= 3:
        parser.error("--steps must be above 3")
    return options


def _surroundings(device: str, commit: str) -> str:
    from benchmarks.table import commit_here

    place = "this processor" if device == "cpu" else torch.cuda.get_device_name(0)
    found = ", ".join(f"{name} {_version(name)}" for name in PACKAGES)
    return "\n".join(
        [
            "## On a GPU",
            "",
            f"- {time.strftime('%Y-%m-%d %H:%M')}, commit {commit or commit_here()}, `python benchmarks/gpu.py`",
            f"- {place}; Python {sys.version.split()[0]}, torch {torch.__version__}, {found}",
        ]
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _checks(names: Sequence[str], bench: "Bench") -> tuple[list[str], int]:
    """The lines of the table, and how many checks failed."""
    from benchmarks.gpu_checks import CHECKS, all_outcomes

    lines, failed = [], 0
    _tell("\n| check | result | figure |\n|---|---|---|", lines)
    for outcome in all_outcomes(names or tuple(CHECKS), bench):
        failed += outcome.passed is False
        _tell(outcome.line(), lines)
    return [line.strip() for line in lines], failed


def _table(device: str, steps: int, folder: Path, deadline: float) -> list[str]:
    from benchmarks.gpu_training import HEAD, cases, measured  # imports transformers and PEFT

    lines: list[str] = []
    _tell(f"\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", lines)
    for size, batch in cases(device == "cpu"):
        for method in ("sft", "dpo"):
            if time.monotonic() > deadline:
                _tell(f"| {size} | {method} | not tried: time was up |{' |' * (len(HEAD) - 3)}", lines)
                continue
            try:
                for line in measured(size, method, batch, device, steps, folder):
                    _tell(line, lines)
            except Exception as error:  # noqa: BLE001  # what else is to be tried need not fail with it
                _tell(_broken(size, method, error), lines)
    return [line.strip() for line in lines]


def _broken(size: str, what: str, error: Exception) -> str:
    traceback.print_exc()
    return (
        f"| {size} | {what} | **FAILED**: {type(error).__name__}: {str(error).partition(chr(10))[0][:200]} |"
    )


def _tell(line: str, lines: list[str]) -> None:
    lines.append(line)
    print(line, flush=True)


def _profile(file: Path, device: str, folder: Path, deadline: float) -> list[str]:
    """The lines of the table of launches; all operations go to the file, as far as it got."""
    from benchmarks.gpu_profile import HEAD, profiled

    lines: list[str] = []
    found: list[str] = []
    _tell(f"\n| {' | '.join(HEAD)} |\n|{'---|' * len(HEAD)}", lines)
    for size in ("tiny",) if device == "cpu" else ("40M", "1B"):
        for way in ("padded", "packed"):
            if time.monotonic() > deadline:
                _tell(f"| {size} | sft | not tried: time was up | | | |", lines)
                continue
            try:
                line, tables = profiled(size, "sft", way, device, folder)
            except Exception as error:  # noqa: BLE001  # see _table
                _tell(_broken(size, way, error), lines)
                continue
            _tell(line, lines)
            found.append(tables)
            file.write_text("\n\n".join(found), encoding="utf-8")
    return [line.strip() for line in lines]


if __name__ == "__main__":
    sys.exit(main())
