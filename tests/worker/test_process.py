"""The worker as the process that it is. Its task is an export of a run that does not exist: refused in words.

The warm ones take six seconds each: importing torch and transformers is what they are for.
"""

import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from engine.job.channel import JOB_FILE, LOG_FILE, Tail, events_of
from engine.job.commands import Cancel, Command, Stop
from engine.job.events import Failed, Started
from engine.job.job import Job, write_job
from engine.job.record import RunRecord, read_record, write_record
from engine.job.tasks import ExportTask, write_task
from engine.library.launch import hand_over, start_worker
from engine.worker import process
from engine.worker.claim import claim

END_SECONDS = 60


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "task"
    path.mkdir()
    write_task(ExportTask(run=str(tmp_path / "nowhere"), out=str(tmp_path / "out")), path / JOB_FILE)
    write_record(path, RunRecord(name="export", task="export"))
    return path


def started(*arguments, **options):
    command = [sys.executable, "-m", "engine", "worker", *map(str, arguments)]
    return subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=END_SECONDS,
        check=False,
        stdin=subprocess.DEVNULL,
        **options,
    )


def test_a_worker_writes_its_output_to_the_log_and_nothing_to_the_terminal(folder):
    done = started(folder)

    assert done.returncode == 2
    assert done.stdout == done.stderr == ""
    assert "nowhere" in (folder / LOG_FILE).read_text(encoding="utf-8")
    assert isinstance(events_of(folder)[-1], Failed)
    assert read_record(folder).status == "failed"


def test_a_warm_worker_takes_the_folder_from_its_input(folder):
    worker = start_worker(None, beside_window=True)
    assert hand_over(worker, folder)

    assert worker.wait(END_SECONDS) == 2
    assert isinstance(events_of(folder)[0], Started)
    assert (folder / LOG_FILE).exists()


def test_a_warm_worker_has_imported_what_trains():
    code = "from engine.worker.process import _import_libraries; _import_libraries(); import sys; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert {"engine.train.session", "engine.use.inspect", "peft"} <= set(done.stdout.split())


def test_a_warm_worker_is_nice_and_ends_quietly_when_its_window_closes():
    worker = start_worker(None, beside_window=True)
    seen = psutil.Process(worker.pid)
    deadline = time.monotonic() + END_SECONDS
    while seen.nice() != 10 and time.monotonic() < deadline:
        time.sleep(0.02)
    niceness = seen.nice()
    worker.stdin.close()

    assert niceness == 10
    assert worker.wait(END_SECONDS) == 0


def test_a_folder_that_is_no_task_is_refused_in_one_sentence(tmp_path):
    done = started(tmp_path)

    assert done.returncode == 2
    assert done.stderr.count("\n") == 1
    assert "job.toml is missing" in done.stderr


def test_a_worker_without_a_folder_says_what_it_needs():
    done = started()

    assert done.returncode == 2
    assert "worker FOLDER" in done.stderr


def test_two_workers_do_not_share_a_folder(folder):
    with claim(folder):
        done = started(folder)

    assert done.returncode == 2
    assert "works on task already" in done.stderr
    assert events_of(folder) == []


@pytest.mark.parametrize(("write", "command"), [(write_job, Stop), (write_task, Cancel)])
def test_sigterm_asks_the_task_to_end(tmp_path, write, command):
    write(Job() if write is write_job else ExportTask(), tmp_path / JOB_FILE)
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        process._stop_when_told(tmp_path)
        os.kill(os.getpid(), signal.SIGTERM)
        deadline = time.monotonic() + 5
        while signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL and time.monotonic() < deadline:
            time.sleep(0)
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL  # a second one ends the process
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

    heard = Tail(tmp_path / "commands.jsonl", Command).read()
    assert [type(c) for c in heard] == [command]
