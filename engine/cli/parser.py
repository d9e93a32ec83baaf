"""The verbs and their options. To add a verb: one `Verb` in its file and one line in `VERBS`."""

import difflib
from argparse import ArgumentParser, HelpFormatter
from collections.abc import Sequence
from typing import Any, NoReturn

import engine
from engine.cli.answers import COMPARE
from engine.cli.checks import SELFTEST
from engine.cli.estimating import ESTIMATE
from engine.cli.example import EXAMPLE
from engine.cli.exporting import EXPORT
from engine.cli.inspecting import INSPECT
from engine.cli.models import MODELS
from engine.cli.running import CONTROL, WATCH
from engine.cli.runs import RUNS
from engine.cli.speed import BENCHMARK
from engine.cli.training import RESUME, TRAIN
from engine.cli.verb import Verb

VERBS: tuple[Verb, ...] = (
    EXAMPLE,
    TRAIN,
    RESUME,
    WATCH,
    CONTROL,
    COMPARE,
    EXPORT,
    INSPECT,
    ESTIMATE,
    MODELS,
    RUNS,
    BENCHMARK,
    SELFTEST,
)
PROGRAM = "tunewright"
DESCRIPTION = "Fine-tune language models on this computer. 'tunewright' alone opens the window."


class BadArgumentsError(Exception):
    """The arguments cannot be understood; the message is one sentence with what to do."""


def build_parser() -> ArgumentParser:
    """The parser of the whole command line. It raises BadArgumentsError and leaves printing to its caller."""
    parser = _Parser(prog=PROGRAM, description=DESCRIPTION, allow_abbrev=False)
    parser.add_argument("--version", action="version", version=f"Tunewright {engine.__version__}")
    _add_verbs(parser, VERBS)
    return parser


class _Parser(ArgumentParser):
    """An argument parser that answers a mistake with one sentence."""

    def __init__(self, **options: Any) -> None:  # Any: argparse's own options
        super().__init__(**options, formatter_class=lambda prog: HelpFormatter(prog, max_help_position=32))

    def error(self, message: str) -> NoReturn:
        raise BadArgumentsError(f"{_sentence(message)} See '{self.prog} --help'.")


def _add_verbs(parser: ArgumentParser, verbs: Sequence[Verb]) -> None:
    places = parser.add_subparsers(title="verbs", metavar="VERB", required=True, parser_class=_Parser)
    for verb in verbs:
        own = places.add_parser(verb.name, help=verb.help, description=verb.help, allow_abbrev=False)
        if verb.verbs:
            _add_verbs(own, verb.verbs)
            continue
        verb.options(own)
        own.add_argument("--json", action="store_true", help="print one JSON object on standard output")
        own.add_argument("--runs", metavar="DIR", help="where the runs are kept")
        own.set_defaults(run=verb.run)


def _sentence(message: str) -> str:
    """Argparse's message as a sentence, with the nearest verb for one that does not exist."""
    _, choices, rest = message.partition("invalid choice: ")
    if not choices:
        return message[:1].upper() + message[1:].rstrip(".") + "."
    word = rest.partition("'")[2].partition("'")[0]
    valid = [part.strip(" ')") for part in rest.partition("choose from ")[2].split(",")]
    near = difflib.get_close_matches(word, valid, n=1, cutoff=0.5)
    advice = f"Did you mean '{near[0]}'?" if near else f"Choose one of: {', '.join(valid)}."
    return f"There is no '{word}' here. {advice}"
