"""inspect: what a file of examples is, and its rows as the model gets them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from itertools import groupby
from operator import attrgetter
from pathlib import Path

from engine.cli.check import add_set_option, with_assignments
from engine.cli.fetching import fetch_data
from engine.cli.follow import End, begin, work_through
from engine.cli.output import Output, clean
from engine.cli.progress import EventPrinter
from engine.cli.verb import Verb
from engine.data.dataset import open_rows
from engine.job.codec import to_plain
from engine.job.commands import Cancel, Show
from engine.job.errors import JobError
from engine.job.events import Inspected, RowsShown, RowView, Token
from engine.job.job import Job, with_kind
from engine.job.methods import METHODS
from engine.job.sections import DataSource, ModelSection
from engine.job.tasks import InspectTask
from engine.library.models import check_model, locate_model
from engine.library.runs import create_task
from engine.models.tally import row_words

_COLOURS = {
    "prompt": "\x1b[2m",
    "added": "\x1b[2;3m",
    "trained": "\x1b[32m",
    "rejected": "\x1b[31m",
    "cut": "\x1b[9;2m",
}
_NAMES = {"prompt": "given", "trained": "learned", "rejected": "rejected", "cut": "cut off"}
_ADDED = {"added": "added by the template"}  # told apart by its look alone
_END = "\x1b[0m"
_HEAD = 200


def _inspect(options: Namespace, output: Output) -> int:
    job = _asked_draft(options, output)
    inspected, rows, end = _look(job, options.rows, output)
    output.result(
        {"status": end.status, "error": end.sentence or None}
        | ({**summary(inspected), "shown": [shown(row) for row in rows]} if inspected else {})
    )
    if inspected is not None:
        _report(inspected, rows, output)
    if end.status != "done":
        output.remark(end.sentence or "Stopped.")
    return end.exit_code


def summary(inspected: Inspected) -> dict[str, object]:
    """All that is known of the data, as plain values; lists of single lengths are left to the percentiles."""
    values = dict(to_plain(inspected))
    for name in ("lengths", "lengths_rejected"):
        del values[name]
    return values


def shown(row: RowView) -> dict[str, object]:
    """A row as plain values: every token's id, whether it is learned, and the text of each stretch of one kind.

    The rejected side of a pair stands under the same names below "rejected". Cut tokens are in "segments" alone.
    """
    values = dict(to_plain(row))
    values |= _side(row.tokens, "trained")
    values["rejected"] = (
        {"tokens": values["rejected"], **_side(row.rejected, "rejected")} if row.rejected else None
    )
    return values


def _side(tokens: Sequence[Token], learned: str) -> dict[str, object]:
    kept = [token for token in tokens if token.kind != "cut"]
    segments = [{"kind": kind, "text": text} for kind, text in _stretches(tokens, attrgetter("kind"))]
    return {
        "ids": [token.id for token in kept],
        "trained": [token.kind == learned for token in kept],
        "segments": segments,
        "text": [segment["text"] for segment in segments],
    }


def _asked_draft(options: Namespace, output: Output) -> Job:
    """A draft job of the data and model that the options name; raises an InputError for either."""
    if options.rows < 0:
        raise JobError(f"--rows is {options.rows}.", "Give a number from 0 up.")
    draft = Job(data=(DataSource(path=options.data),), model=ModelSection(source=options.model))
    job = with_assignments(draft, options.assignments)
    check_model(locate_model(job.model.source, job.model.revision))
    fetch_data(job, output)
    if any(text.startswith("method.kind") for text in options.assignments):
        return job
    kind = open_rows(job.data, section=job.rows, head=_HEAD).rows_kind
    fitting = next((card.kind for card in METHODS.values() if card.rows == kind), job.method.kind)
    return with_kind(job, "method", fitting)


def _look(job: Job, count: int, output: Output) -> tuple[Inspected | None, Sequence[RowView], End]:
    follower = begin(create_task(InspectTask(job), f"Inspect {Path(job.data[0].path).name}"))
    printer, inspected, rows = EventPrinter(output), None, None
    for event in work_through(follower, output):
        printer.show(event)
        match event:
            case Inspected(is_complete=True):
                inspected = event
                follower.tell(Show(start=0, count=count, with_tokens=True))
            case RowsShown():
                rows = event.rows
                follower.tell(Cancel())
    printer.close()
    end = follower.end or End("lost")
    return inspected, rows or (), End("done") if inspected is not None and rows is not None else end


def _report(inspected: Inspected, rows: Sequence[RowView], output: Output) -> None:
    lengths = ", ".join(f"{name} {value}" for name, value in inspected.percentiles.items())
    facts: list[tuple[str, object]] = [
        ("Shape", f"{inspected.shape} ({inspected.evidence})"),
        ("Rows", f"{inspected.rows}, {inspected.usable} usable, {inspected.validation_rows} kept back"),
        ("Columns", ", ".join(inspected.columns)),
        ("Template", inspected.template),
        ("Tokens", f"{lengths}; {inspected.trained_share:.0%} of them learned"),
        ("End of turn", ", ".join(inspected.end_tokens) or "none"),
        ("Too long", f"{inspected.too_long} rows; {inspected.cut} are cut, {inspected.divided} divided"),
        ("Duplicates", inspected.duplicates),
    ]
    if any(inspected.labels):
        facts.append(("Labels", "{} bad, {} good".format(*inspected.labels)))
    facts += [
        ("Skipped", f"{count} rows: {why} ({row_words(inspected.skipped_rows[why], count)})")
        for why, count in inspected.skipped.items()
    ]
    if inspected.refusal:
        facts.append(("Cannot start", inspected.refusal))
    facts += [("Note", remark) for remark in inspected.remarks]
    output.facts(facts)
    if rows:
        output.text()
        names = _NAMES | (_ADDED if output.has_colours else {})
        output.text("  ".join(_stretch(name, kind, output) for kind, name in names.items()))
    for row in rows:
        _print_row(row, output)


def _print_row(row: RowView, output: Output) -> None:
    output.text()
    kept = " (kept back for checking)" if row.is_validation else ""
    output.text(output.bold(f"Row {row.number}{kept}"))
    if row.problem:
        output.text(clean(row.problem if row.is_used else f"Left out: {row.problem}"))
    for tokens in (row.tokens, row.rejected):
        if tokens:
            output.text(coloured(tokens, output))


def coloured(tokens: Sequence[Token], output: Output) -> str:
    """The tokens as text; their kind shows as a colour, without colours as «learned» and ‹rejected› marks."""
    return "".join(_stretch(text, kind, output) for kind, text in _stretches(tokens, _shade))


def _shade(token: Token) -> str:
    return "added" if token.added and token.kind == "prompt" else token.kind


def _stretches(tokens: Sequence[Token], kind_of: Callable[[Token], str]) -> list[tuple[str, str]]:
    """Kind and text of neighbours of one kind."""
    stretches = groupby(tokens, kind_of)
    return [(kind, "".join(token.text for token in stretch)) for kind, stretch in stretches]


def _stretch(text: str, kind: str, output: Output) -> str:
    text = clean(text)
    if output.has_colours:
        return f"{_COLOURS.get(kind, '')}{text}{_END}"
    marks = {"trained": "«»", "rejected": "‹›", "cut": "[]"}.get(kind)
    return f"{marks[0]}{text}{marks[1]}" if marks else text


def _inspect_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "data", metavar="DATA", help="a file or folder of examples, or a hub dataset (org/name)"
    )
    parser.add_argument(
        "--model", default="starter", help="whose tokens are shown: a folder or hub id (starter)"
    )
    parser.add_argument(
        "--rows", type=int, default=3, help="how many rows are shown as the model sees them (3)"
    )
    add_set_option(parser)


INSPECT = Verb(
    "inspect", "Show what a file of examples is, as the model sees it.", _inspect_options, _inspect
)
