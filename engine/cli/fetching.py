"""Data of the hub before it is read: fetched where it is not here, with a bar, until Ctrl+C."""

import signal
from collections.abc import Callable
from typing import TypeVar

from engine.cli.output import Output
from engine.cli.progress import EventPrinter, size
from engine.data.folders import names_dataset
from engine.job.events import Progress
from engine.job.job import Job
from engine.job.sections import DataSource
from engine.library.hub_data import fetch_dataset, is_here, look

T = TypeVar("T")
Told = Callable[[int, int], None]
Asked = Callable[[], bool]


def fetch_data(job: Job, output: Output) -> None:
    """Fetch every hub dataset of a job that is not on this computer; raises EngineErrors in words.

    Ctrl+C keeps what has arrived and raises StoppedError: the next try goes on from there.
    """
    for source in job.data:
        if names_dataset(source) and not is_here(source.path, source.subset, source.split, source.revision):
            _fetch(source, output)


def with_bar(output: Output, title: str, work: Callable[[Told, Asked], T]) -> T:
    """What `work(progress, cancelled)` gives, its bytes shown as they come; Ctrl+C and SIGTERM cancel it."""
    printer = EventPrinter(output)
    interrupted: list[int] = []
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.signal(number, lambda number, _frame: interrupted.append(number)) for number in numbers]
    try:
        return work(
            lambda done, total: printer.show(Progress(title, done, total, "bytes")), lambda: bool(interrupted)
        )
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
        printer.close()


def _fetch(source: DataSource, output: Output) -> None:
    found = look(source.path, source.revision or "main")
    files = found.wanted(source.subset, source.split)
    total = sum(file.bytes for file in files)
    output.remark(f"{source.path}: {size(total)} in {len(files)} {'file' if len(files) == 1 else 'files'}.")
    with_bar(
        output,
        f"Downloading {source.path}",
        lambda told, asked: fetch_dataset(found, source.subset, source.split, told, asked),
    )
