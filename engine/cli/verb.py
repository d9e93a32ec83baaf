"""A verb of the command line: its name, its options and the function that does it."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from dataclasses import dataclass

from engine.cli.output import Output

DONE, FAULT, INPUT, STOPPED = 0, 1, 2, 3


@dataclass(frozen=True)
class Verb:
    """One verb. `options` adds its arguments; `run` does it and returns the exit code.

    A verb with `verbs` of its own ("models list") has no `run`.
    """

    name: str
    help: str
    options: Callable[[ArgumentParser], None] = lambda parser: None
    run: Callable[[Namespace, Output], int] | None = None
    verbs: tuple["Verb", ...] = ()
