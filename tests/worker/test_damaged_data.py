"""Damaged files read by the worker as the process that it is: it ends with a sentence, never with a traceback."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.job.channel import JOB_FILE, events_of
from engine.job.events import Failed
from engine.job.job import Job
from engine.job.record import RunRecord, read_record, write_record
from engine.job.sections import DataSource
from engine.job.tasks import InspectTask, write_task
from tests.data.every_shape import SHAPES
from tests.data.writing import write

END_SECONDS = 120
ROOT = Path(__file__).parents[2]


def inspected(folder: Path, data: Path):
    """The last event of an `inspect` task."""
    folder.mkdir()
    job = Job(data=(DataSource(path=str(data)),))
    write_task(InspectTask(job), folder / JOB_FILE)
    write_record(folder, RunRecord(name="inspect", task="inspect"))
    done = subprocess.run(
        [sys.executable, "-m", "engine", "worker", str(folder)],
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.stdout == done.stderr == ""
    assert done.returncode == 2
    return events_of(folder)[-1]


def shortened(path):
    path.write_bytes(path.read_bytes()[:-9])


def flipped(path):
    data = bytearray(path.read_bytes())
    for at in range(0, len(data), 7):
        data[at] ^= 0x5A
    path.write_bytes(data)


def halved(path):
    """An emoji cut in two, as JSON can hold it and no tokenizer can take it."""
    path.write_text(json.dumps({"prompt": "\ud83d", "completion": "b"}) + "\n")


@pytest.mark.slow  # a process of its own each time, which is the whole point
@pytest.mark.parametrize(
    ("name", "harm"),
    [
        ("a.jsonl.zst", shortened),
        ("a.parquet", flipped),
        ("a.csv", flipped),
        ("a.arrow", shortened),
        ("a.jsonl", halved),
    ],
)
def test_a_damaged_file_ends_the_task_in_words(tmp_path, name, harm):
    data = write(tmp_path / name, [SHAPES["alpaca"][0]] * 40)
    harm(data)
    last = inspected(tmp_path / "task", data)
    assert isinstance(last, Failed)
    assert f"'{name}'" in last.title
    assert last.advice
    assert not {"Traceback", "unexpected", "Error"} & set(last.title.replace(":", " ").split())
    assert read_record(tmp_path / "task").status == "failed"
