"""The program inside a bundle: the window, the command line and the worker's process, by what it is asked for."""

from __future__ import annotations

import multiprocessing
import os
import sys
from pathlib import Path


def main() -> int:
    """Start what the arguments ask for; the exit code is its own."""
    multiprocessing.freeze_support()  # Before anything else: a child of the bundle is this same program.
    give_missing_streams()
    arguments = [
        argument for argument in sys.argv[1:] if not argument.startswith("-psn_")
    ]  # macOS' Finder adds it
    if is_for_window(Path(sys.argv[0]).stem, arguments):
        from gui.__main__ import main as window

        return window(arguments)
    from engine.__main__ import run as command_line

    return command_line(arguments)


def is_for_window(program: str, arguments: list[str]) -> bool:
    """Whether the window is meant: nothing is asked for, its own check, or files for the program that is the window.

    The window starts its workers through its own program, so that `worker` is never a file.
    """
    if not arguments or arguments == ["--selftest"]:
        return True
    return program.endswith("-window") and arguments[0] != "worker"


def give_missing_streams() -> None:
    """A program without a console has no standard streams on Windows; what is printed there goes nowhere."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115, PTH123 - lives as long as we do


if __name__ == "__main__":
    sys.exit(main())
