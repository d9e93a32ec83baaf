#!/usr/bin/env python3
"""Set Tunewright up in `.venv` beside this file and start it: the one command of a fresh copy.

Standard library only, for Linux, macOS and Windows. It needs Python 3.11, but parses on 3.8, so that an older
Python gets a sentence instead of a syntax error. What the set-up does stands in `packaging/environment.py`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Sequence  # noqa: UP035 - it must import on 3.8

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "packaging"))

from computer import (  # noqa: E402
    Problem,
    has_display,
    missing_libraries,
    missing_programs,
    provide,
    refuse_unfit_python,
    say,
)
from environment import PYTHON, provide_environment  # noqa: E402

USAGE = """usage: python3 run.py [verb]

  (nothing)           set up if needed and open Tunewright
  setup               set up only
  test [arguments]    set up and run all checks and tests (arguments go to pytest)
  check               set up and run the quick checks: format, lint, types
  benchmark [...]     set up and measure the speed of the app"""


def main(arguments: Sequence[str]) -> int:
    """Run the verb; the exit code is that of what was run, or 2 where something must be changed first."""
    verbs = {
        "": open_app,
        "setup": set_up,
        "test": run_tests,
        "check": run_checks,
        "benchmark": run_benchmark,
    }
    verb, rest = (arguments[0], list(arguments[1:])) if arguments else ("", [])
    if verb in ("help", "-h", "--help"):
        print(USAGE)
        return 0
    if verb not in verbs or (rest and verb not in ("test", "benchmark")):
        say(f"run.py does not know '{' '.join(arguments)}'.\n{USAGE}")
        return 2
    try:
        refuse_unfit_python()
        return verbs[verb](rest)
    except Problem as problem:
        say(str(problem))
        return problem.code
    except OSError as error:
        say(f"The set-up stopped: {error}")
        return 1
    except KeyboardInterrupt:
        say("\nInterrupted. Start the same command again to go on.")
        return 130


def open_app(_: list[str]) -> int:
    """Open the window, or run the first example in the terminal where there is no display."""
    display = has_display(sys.platform, os.environ)
    if display:
        provide(missing_libraries())
    provide_environment()
    if display:
        return become("-m", "gui")
    say("No display found: running the two-minute example in the terminal.")
    return become("-m", "engine", "example")


def set_up(_: list[str]) -> int:
    """Bring the system's libraries and `.venv` up to what the project asks for."""
    try:
        provide(missing_libraries())
    except Problem as problem:
        say(str(problem))  # The terminal does without them, so the set-up goes on.
    provide_environment()
    return 0


def run_checks(_: list[str]) -> int:
    """Run every quick check; the exit code is that of the first one that failed."""
    provide_environment()
    codes = []
    for check in ("ruff format --check .", "ruff check .", "mypy"):
        say(check)
        codes.append(call("-m", *check.split()))
    return next((code for code in codes if code), 0)


def run_tests(arguments: list[str]) -> int:
    """Run every check, then every test; fails when any of them does."""
    provide(missing_libraries() + missing_programs())
    checked = run_checks([])
    os.environ.setdefault(
        "OMP_NUM_THREADS", "1"
    )  # Test processes with a pool of threads each slow each other down.
    tested = call("-m", "pytest", *in_parallel(arguments), *arguments)
    if checked and not tested:
        say("The tests passed, but not the checks above them.")
    return tested or checked


def run_benchmark(arguments: list[str]) -> int:
    """Measure, with `benchmarks/run.py` and its arguments."""
    provide_environment()
    return become(str(ROOT / "benchmarks" / "run.py"), *arguments)


def in_parallel(arguments: Sequence[str]) -> list[str]:
    """The arguments that share whole test files among the cores, unless the caller chose or wants to debug."""
    chosen = any(argument.startswith(("-n", "--numprocesses", "--pdb", "--trace")) for argument in arguments)
    cores = min(os.cpu_count() or 1, 4)
    return [] if chosen or cores == 1 else ["-n", str(cores), "--dist", "loadfile"]


def become(*arguments: str) -> int:
    """Let the environment's Python take this process's place, so that signals and the exit code are its own."""
    if sys.platform == "win32":
        return call(*arguments)
    os.chdir(ROOT)
    return os.execv(str(PYTHON), [str(PYTHON), *arguments])


def call(*arguments: str) -> int:
    """Run the environment's Python in the project's folder; Ctrl+C reaches it too, and we wait for its end."""
    with subprocess.Popen([str(PYTHON), *arguments], cwd=ROOT) as child:
        while True:
            try:
                code = child.wait()
            except KeyboardInterrupt:
                continue
            return code if code >= 0 else 128 - code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
