"""`python -m engine VERB`, the console script `tunewright`, and the worker's process."""

import importlib
import importlib.util
import sys
from collections.abc import Sequence

WORKER = "worker"
REOPEN = "reopen"  # a frozen app has no interpreter to run the script of that name with
TRY_TEMPLATE = "try-template"  # a stranger's chat template, rendered where it can be stopped
NO_WINDOW = (
    "The window is not installed: 'pip install tunewright[window]' adds it. 'tunewright --help' lists what "
    "works in the terminal."
)


def main(arguments: Sequence[str] | None = None) -> int:
    """The script `tunewright`: a verb of the command line, or the window when there is none."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    return run(arguments) if arguments else open_window()


def run(arguments: Sequence[str]) -> int:
    """`python -m engine`: a worker's process or a verb of the command line; returns the exit code."""
    if arguments and arguments[0] == WORKER:
        from engine.worker.process import main as work

        return work(list(arguments[1:]))
    if arguments and arguments[0] == REOPEN:
        from engine.use.reopen import main as reopen

        reopen(*arguments[1:])
        return 0
    if arguments and arguments[0] == TRY_TEMPLATE:
        from engine.models.template_trial import main as try_template

        return try_template()
    from engine.cli.main import run as run_verb

    return run_verb(arguments)


def open_window() -> int:
    """Open the window where it is installed; it is named here only by text, so that nothing imports it early."""
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("gui") is None:
        print(NO_WINDOW, file=sys.stderr)
        return 2
    return int(importlib.import_module("gui.app").main())


if __name__ == "__main__":
    sys.exit(run(sys.argv[1:]))
