"""runs list, show, delete: the run store."""

import time
from argparse import ArgumentParser, Namespace
from pathlib import Path
from typing import Any

from engine.cli.output import Output
from engine.cli.progress import number
from engine.cli.training import runs_of
from engine.cli.verb import DONE, Verb
from engine.job.channel import ADAPTER
from engine.job.codec import to_plain
from engine.job.errors import FolderError
from engine.job.record import RunRecord
from engine.library.arithmetic import time_words
from engine.library.folders import runs_folder
from engine.library.runs import checkpoints_of, delete_run, find_run, list_runs, settle


def _list(options: Namespace, output: Output) -> int:
    store = runs_of(options) or runs_folder()
    found = [(info.folder, _settled(info.folder, info.record)) for info in list_runs(store)]
    output.result({"store": str(store), "runs": [_values(folder, record) for folder, record in found]})
    rows = [_row(folder, record) for folder, record in found]
    if rows:
        output.table(("Name", "Status", "Step", "Loss", "Model", "Data", "Method", "When", "Folder"), rows)
    else:
        output.text(f"There are no runs in {store}.")
    return DONE


def _show(options: Namespace, output: Output) -> int:
    folder = find_run(options.run_name, runs_of(options))
    record = settle(folder)
    saved = [path.name for path in checkpoints_of(folder)]
    output.result({**_values(folder, record), "checkpoints": saved})
    took = (record.finished or record.heartbeat or 0) - record.started if record.started else None
    facts: list[tuple[str, object]] = [
        ("Name", record.name),
        ("Folder", folder),
        ("Status", f"{record.status}  {record.message}".rstrip()),
        ("Model", record.model),
        ("Data", record.data),
        ("Method", record.method),
        ("Steps", f"{record.step} of {record.steps}"),
        ("Loss", number(record.last_loss)),
        ("Best loss", f"{number(record.best_loss)} at step {record.best_step or '-'}"),
        ("Created", _when(record.created)),
        ("Took", "-" if took is None or took < 0 else time_words(took)),
        ("Checkpoints", ", ".join(saved) or "none"),
        ("Result", folder / ADAPTER if (folder / ADAPTER).is_dir() else "none yet"),
    ]
    output.facts(facts + ([("Notes", record.notes)] if record.notes else []))
    return DONE


def _delete(options: Namespace, output: Output) -> int:
    folder = find_run(options.run_name, runs_of(options))
    trashed = delete_run(folder)
    output.result({"run": str(folder), "trash": str(trashed)})
    output.text(f"Moved {folder.name} to the trash: {trashed}")
    return DONE


def _settled(folder: Path, record: RunRecord) -> RunRecord:
    """The record, with a worker that died marked as lost; a damaged one as it is."""
    try:
        return settle(folder)
    except FolderError:
        return record


def _values(folder: Path, record: RunRecord) -> dict[str, Any]:  # Any: JSON values
    return {"folder": str(folder), **to_plain(record)}


def _row(folder: Path, record: RunRecord) -> tuple[object, ...]:
    steps = f"{record.step}/{record.steps}" if record.steps else "-"
    loss = number(record.last_loss)
    when = _when(record.created)
    return (
        record.name,
        record.status,
        steps,
        loss,
        record.model,
        record.data,
        record.method,
        when,
        folder.name,
    )


def _when(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))


def _run_option(parser: ArgumentParser) -> None:
    parser.add_argument("run_name", metavar="RUN", help="the run's name or folder")


RUNS = Verb(
    "runs",
    "List, show or delete runs.",
    verbs=(
        Verb("list", "All runs, newest first.", run=_list),
        Verb("show", "One run in full.", _run_option, _show),
        Verb("delete", "Move a run to the trash.", _run_option, _delete),
    ),
)
