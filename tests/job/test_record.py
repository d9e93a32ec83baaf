"""A run's record as a file: read, and refused in words when it is none."""

import json
from pathlib import Path

import pytest

from engine.job.channel import RECORD_FILE
from engine.job.errors import FolderError
from engine.job.record import RunRecord, read_record, update_record, write_record


def test_a_record_is_read_as_it_was_written(tmp_path: Path) -> None:
    record = RunRecord("kind words", status="running", pid=12, tags=("a", "b"), votes={"tuned": 3})
    write_record(tmp_path, record)
    assert read_record(tmp_path) == record


def test_a_change_leaves_the_rest(tmp_path: Path) -> None:
    write_record(tmp_path, RunRecord("kind words", notes="mine"))
    update_record(tmp_path, status="done")
    assert (read_record(tmp_path).notes, read_record(tmp_path).status) == ("mine", "done")


def test_a_folder_without_a_record_is_no_run(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match=r"is not a run: run\.json is missing"):
        read_record(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{oops",
        "[]",
        "5",
        "null",
        "{}",
        '{"name": 5}',
        '{"name": "x", "pid": "12"}',
        '{"name": "x", "votes": []}',
    ],
)
def test_a_damaged_record_is_one_sentence(content: str, tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_text(content, encoding="utf-8")
    with pytest.raises(FolderError, match=r"run\.json is damaged"):
        read_record(tmp_path)


def test_a_record_from_a_newer_version_is_read(tmp_path: Path) -> None:
    (tmp_path / RECORD_FILE).write_text(json.dumps({"name": "x", "mood": "good"}), encoding="utf-8")
    assert read_record(tmp_path).name == "x"
