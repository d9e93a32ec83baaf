"""The run store: folders, names, trash, and whether a worker still lives."""

import dataclasses
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.job.channel import JOB_FILE, RECORD_FILE
from engine.job.errors import FolderError
from engine.job.job import Job, read_job
from engine.job.record import RunRecord, read_record, update_record
from engine.job.sections import DataSource
from engine.job.tasks import ChatTask, read_task
from engine.library import runs

JOB = Job(name="Polite replies", data=(DataSource(path="replies.jsonl"),))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


@pytest.fixture
def sleeper():
    """A process whose command line looks like a worker's."""
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)", "engine", "worker"])
    yield process
    process.kill()
    process.wait()


def test_a_new_run_has_a_dated_folder_with_the_whole_job(home: Path) -> None:
    folder = runs.create_run(JOB)
    assert folder == home / "runs" / f"{time.strftime('%Y-%m-%d')}-polite-replies"
    assert read_job(folder / JOB_FILE).data[0].path.endswith("replies.jsonl")
    record = read_record(folder)
    assert (record.name, record.status, record.model) == ("Polite replies", "created", "starter")
    assert (record.data, record.method) == ("replies.jsonl", "sft lora rank 16")


def test_runs_of_one_name_get_numbers(tmp_path: Path) -> None:
    first, second, third = (runs.create_run(JOB, tmp_path) for _ in range(3))
    assert second.name == f"{first.name} (2)"
    assert third.name == f"{first.name} (3)"
    assert [read_record(f).name for f in (second, third)] == ["Polite replies (2)", "Polite replies (3)"]


def test_a_job_without_a_name_is_called_after_its_data(tmp_path: Path) -> None:
    folder = runs.create_run(dataclasses.replace(JOB, name=" "), tmp_path)
    assert read_record(folder).name == "replies"


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "..",
        "a/b\\c:d",
        "🦊🦊",
        "CON",
        "NUL.txt",
        "x" * 5000,
        "日本語 " * 90,
        "tab\there",
        ".",
    ],
)
def test_any_name_makes_a_safe_folder_inside_the_store(name: str, tmp_path: Path) -> None:
    store = tmp_path / "store"
    folder = runs.create_run(dataclasses.replace(JOB, name=name), store)
    assert folder.parent == store
    assert len(folder.name.encode()) < 100
    assert not set(folder.name) & set('/\\:*?"<>|\t')
    assert runs.find_run(read_record(folder).name, store) == folder


def test_an_unwritable_store_is_named_and_nothing_is_left(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    with pytest.raises(FolderError, match="is not writable") as caught:
        runs.create_run(JOB, blocked)
    assert str(blocked) in caught.value.title
    assert caught.value.exit_code == 2
    assert blocked.read_text() == "not a folder"


def test_runs_are_listed_newest_first_and_other_folders_are_passed_over(tmp_path: Path) -> None:
    old, new = runs.create_run(JOB, tmp_path), runs.create_run(JOB, tmp_path)
    update_record(old, created=1000.0)
    (tmp_path / "notes").mkdir()
    assert [info.folder for info in runs.list_runs(tmp_path)] == [new, old]
    assert runs.list_runs(tmp_path / "nowhere") == []


def test_a_damaged_record_stays_visible_with_its_reason(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    (folder / RECORD_FILE).write_text("{")
    (info,) = runs.list_runs(tmp_path)
    assert info.record.status == "lost"
    assert "damaged" in info.record.message


def test_a_run_with_a_damaged_record_can_be_deleted_as_its_advice_says(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    (folder / RECORD_FILE).write_text("{")
    with pytest.raises(FolderError, match="delete the run"):
        runs.settle(folder)
    assert runs.restore_run(runs.delete_run(folder)) == folder


def test_a_folder_that_is_no_run_is_not_deleted(tmp_path: Path) -> None:
    (tmp_path / "letters").mkdir()
    with pytest.raises(FolderError, match="is not a run"):
        runs.delete_run(tmp_path / "letters")
    assert (tmp_path / "letters").is_dir()


def test_a_run_is_found_by_name_folder_and_path(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    for text in ("Polite replies", "polite replies", folder.name, str(folder)):
        assert runs.find_run(text, tmp_path) == folder


def test_an_unknown_run_brings_the_nearest_name(tmp_path: Path) -> None:
    runs.create_run(JOB, tmp_path)
    with pytest.raises(FolderError) as caught:
        runs.find_run("polite repleis", tmp_path)
    assert caught.value.advice == "Did you mean 'Polite replies'?"


def test_two_runs_of_one_name_are_not_guessed_between(tmp_path: Path) -> None:
    first, second = runs.create_run(JOB, tmp_path), runs.create_run(JOB, tmp_path)
    update_record(second, name="Polite replies")
    with pytest.raises(FolderError, match="2 runs are called 'Polite replies'") as caught:
        runs.find_run("Polite replies", tmp_path)
    assert first.name in caught.value.advice


def test_a_folder_that_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(FolderError, match="is not a run"):
        runs.find_run(str(tmp_path), tmp_path)


@pytest.mark.parametrize("text", ["", "   ", "\0", "x" * 9000])
def test_a_text_that_cannot_be_a_run_is_one_sentence(text: str, tmp_path: Path) -> None:
    with pytest.raises(FolderError):
        runs.find_run(text, tmp_path)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("run@200", ("run", 200)),
        ("run@step-000200", ("run", 200)),
        ("a@b@7", ("a@b", 7)),
        ("run", ("run", None)),
        ("me@home", ("me@home", None)),
        ("@7", ("@7", None)),
        ("run@²", ("run@²", None)),
    ],
)
def test_a_step_is_split_from_a_runs_name(text: str, parts: tuple[str, int | None]) -> None:
    assert runs.split_step(text) == parts


def test_checkpoints_come_by_step_without_those_being_written(tmp_path: Path) -> None:
    for name in ("step-001000", "step-000200", "step-000300.part", "notes", "step-1000000"):
        (tmp_path / "checkpoints" / name).mkdir(parents=True)
    found = [path.name for path in runs.checkpoints_of(tmp_path)]
    assert found == ["step-000200", "step-001000", "step-1000000"]
    assert runs.checkpoints_of(tmp_path / "other") == []


def test_a_deleted_run_can_be_restored_as_it_was(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    before = sorted(path.name for path in folder.iterdir())
    trashed = runs.delete_run(folder)
    assert not folder.exists()
    assert runs.list_runs(tmp_path) == []
    assert runs.restore_run(trashed) == folder
    assert sorted(path.name for path in folder.iterdir()) == before


def test_a_restored_run_never_overwrites_the_one_that_took_its_place(tmp_path: Path) -> None:
    first = runs.create_run(JOB, tmp_path)
    trashed = runs.delete_run(first)
    second = runs.create_run(JOB, tmp_path)
    assert second == first
    restored = runs.restore_run(trashed)
    assert restored.name == f"{first.name} (2)"
    assert second.is_dir()


def test_a_running_run_is_not_deleted(tmp_path: Path, sleeper: subprocess.Popen[bytes]) -> None:
    folder = runs.create_run(JOB, tmp_path)
    update_record(folder, status="running", pid=sleeper.pid, heartbeat=time.time())
    with pytest.raises(FolderError, match="still running"):
        runs.delete_run(folder)
    assert folder.is_dir()


def test_only_a_run_can_be_deleted(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(FolderError, match="is not a run"):
        runs.delete_run(tmp_path / "photos")
    assert (tmp_path / "photos").is_dir()


def test_a_worker_lives_while_its_process_does(sleeper: subprocess.Popen[bytes]) -> None:
    record = RunRecord("x", status="running", pid=sleeper.pid, heartbeat=time.time())
    assert runs.is_alive(record)
    sleeper.kill()
    sleeper.wait()
    assert not runs.is_alive(record)


def test_a_killed_worker_that_nobody_waited_for_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    record = RunRecord("x", status="running", pid=sleeper.pid, heartbeat=time.time())
    sleeper.kill()
    deadline = time.monotonic() + 10
    while runs.is_alive(record) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not runs.is_alive(record)


def test_a_later_process_with_the_same_id_is_not_the_worker(sleeper: subprocess.Popen[bytes]) -> None:
    long_ago = time.time() - 3600
    assert not runs.is_alive(RunRecord("x", status="running", pid=sleeper.pid, heartbeat=long_ago))


def test_another_program_with_the_workers_id_is_not_the_worker() -> None:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    try:
        assert not runs.is_alive(RunRecord("x", status="running", pid=process.pid, heartbeat=time.time()))
    finally:
        process.kill()
        process.wait()


def test_an_ended_run_is_not_alive_whatever_its_process_id() -> None:
    assert not runs.is_alive(RunRecord("x", status="done", pid=os.getpid(), heartbeat=time.time()))


def test_a_run_whose_worker_died_is_marked_lost_with_its_last_sign_of_life(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    update_record(folder, status="running", pid=2**22 + 7, started=5.0, heartbeat=77.0)
    record = runs.settle(folder)
    assert (record.status, record.finished) == ("lost", 77.0)
    assert read_record(folder).status == "lost"


@pytest.mark.parametrize("status", ["created", "done", "stopped"])
def test_a_run_that_is_not_going_is_left_as_it_is(status: str, tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    update_record(folder, status=status)
    assert runs.settle(folder).status == status


def test_a_starting_worker_gets_time_to_sign_in(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    update_record(folder, status="starting", started=time.time())
    assert runs.settle(folder).status == "starting"
    update_record(folder, started=time.time() - 600)
    assert runs.settle(folder).status == "lost"


def test_a_run_gets_another_name_and_keeps_its_folder(tmp_path: Path) -> None:
    folder = runs.create_run(JOB, tmp_path)
    assert runs.rename_run(folder, "  warm \n words ").name == "warm words"
    assert runs.find_run("warm words", tmp_path) == folder
    with pytest.raises(FolderError, match="needs a name"):
        runs.rename_run(folder, " ")


def test_a_task_gets_a_folder_of_its_own(home: Path) -> None:
    folder = runs.create_task(ChatTask(models=("starter",)), "Compare")
    assert folder.parent == home / "cache" / "tasks"
    assert read_task(folder / JOB_FILE) == ChatTask(models=("starter",))
    assert json.loads((folder / RECORD_FILE).read_text())["task"] == "chat"
    assert folder != runs.create_task(ChatTask(models=("starter",)), "Compare")


def test_task_folders_go_after_three_days_unless_someone_works_there(
    sleeper: subprocess.Popen[bytes],
) -> None:
    fresh, old, busy = (runs.create_task(ChatTask(), "Compare") for _ in range(3))
    update_record(busy, status="running", pid=sleeper.pid, heartbeat=time.time())
    for folder in (old, busy):
        for path in (*folder.iterdir(), folder):
            os.utime(path, (1.0, 1.0))
    assert runs.clean_tasks() == 1
    assert (fresh.exists(), old.exists(), busy.exists()) == (True, False, True)


def test_a_worker_that_is_being_started_counts_as_alive(
    sleeper: subprocess.Popen[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("psutil.Process.cmdline", lambda process: [])  # just forked
    assert runs.is_alive(RunRecord("x", status="running", pid=sleeper.pid, heartbeat=time.time()))
