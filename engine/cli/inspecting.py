"""inspect: what a file of examples is, and its rows as the model gets them."""

from argparse import ArgumentParser, Namespace
from collections.abc import Sequence
from pathlib import Path

from engine.cli.check import add_set_option, with_assignments
from engine.cli.follow import End, begin, work_through
from engine.cli.output import Output, clean
from engine.cli.progress import EventPrinter
from engine.cli.verb import Verb
from engine.job.codec import to_plain
from engine.job.commands import Cancel, Show
from engine.job.errors import DataError, JobError
from engine.job.events import Inspected, RowsShown, RowView, Token
from engine.job.job import Job
from engine.job.sections import DataSource, ModelSection
from engine.job.tasks import InspectTask
from engine.library.models import check_model, locate_model
from engine.library.runs import create_task

_COLOURS = {"prompt": "\x1b[2m", "trained": "\x1b[32m", "rejected": "\x1b[31m", "cut": "\x1b[9;2m"}
_NAMES = {"prompt": "given", "trained": "learned", "rejected": "rejected", "cut": "cut off"}
_END = "\x1b[0m"


def _inspect(options: Namespace, output: Output) -> int:
    job = _asked_draft(options)
    inspected, rows, end = _look(job, options.rows, output)
    output.result(
        {"status": end.status, "error": end.sentence or None}
        | ({**to_plain(inspected), "shown": [to_plain(row) for row in rows]} if inspected else {})
    )
    if inspected is not None:
        _report(inspected, rows, output)
    if end.status != "done":
        output.remark(end.sentence or "Stopped.")
    return end.exit_code


def _asked_draft(options: Namespace) -> Job:
    """A draft job of the data and model that the options name; raises an InputError for either."""
    if options.rows < 0:
        raise JobError(f"--rows is {options.rows}.", "Give a number from 0 up.")
    draft = Job(data=(DataSource(path=options.data),), model=ModelSection(source=options.model))
    job = with_assignments(draft, options.assignments)
    if not Path(job.data[0].path).exists():
        raise DataError(f"{options.data} does not exist.", "Check the path.")
    check_model(locate_model(job.model.source, job.model.revision))
    return job


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
        ("Cut", f"{inspected.cut} rows"),
        ("Duplicates", inspected.duplicates),
    ]
    facts += [("Skipped", f"{count} rows: {why}") for why, count in inspected.skipped.items()]
    facts += [("Note", remark) for remark in inspected.remarks]
    output.facts(facts)
    if rows:
        output.text()
        output.text("  ".join(_stretch(name, kind, output) for kind, name in _NAMES.items()))
    for row in rows:
        _print_row(row, output)


def _print_row(row: RowView, output: Output) -> None:
    output.text()
    kept = " (kept back for checking)" if row.is_validation else ""
    output.text(output.bold(f"Row {row.number}{kept}"))
    if row.problem:
        output.text(clean(row.problem))
    for tokens in (row.tokens, row.rejected):
        if tokens:
            output.text(coloured(tokens, output))


def coloured(tokens: Sequence[Token], output: Output) -> str:
    """The tokens as text; their kind shows as a colour, without colours as «learned» and ‹rejected› marks."""
    parts: list[tuple[str, str]] = []
    for token in tokens:
        if parts and parts[-1][0] == token.kind:
            parts[-1] = (token.kind, parts[-1][1] + token.text)
        else:
            parts.append((token.kind, token.text))
    return "".join(_stretch(text, kind, output) for kind, text in parts)


def _stretch(text: str, kind: str, output: Output) -> str:
    text = clean(text)
    if output.has_colours:
        return f"{_COLOURS.get(kind, '')}{text}{_END}"
    marks = {"trained": "«»", "rejected": "‹›", "cut": "[]"}.get(kind)
    return f"{marks[0]}{text}{marks[1]}" if marks else text


def _inspect_options(parser: ArgumentParser) -> None:
    parser.add_argument("data", metavar="DATA", help="a file of examples")
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
