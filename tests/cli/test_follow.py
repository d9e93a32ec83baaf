import signal
import subprocess
import sys

import pytest

from engine.cli.follow import Follower
from engine.job.channel import append
from engine.job.commands import Stop
from engine.job.events import Failed, Finished, Phase
from engine.job.record import RunRecord, read_record, update_record, write_record


@pytest.fixture
def folder(tmp_path):
    write_record(tmp_path, RunRecord(name="a run", status="running", started=1.0))
    return tmp_path


def ended_worker(code="0"):
    worker = subprocess.Popen([sys.executable, "-c", f"import os, signal; {code}"])
    worker.wait(30)
    return worker


def test_a_finished_task_ends_with_its_outcome(folder):
    append(folder, Phase(name="model", title="Loading"))
    append(folder, Finished(outcome="stopped", seconds=1.0))
    follower = Follower(folder)

    assert [type(event) for event in follower.events()] == [Phase, Finished]
    assert (follower.end.status, follower.end.exit_code) == ("stopped", 3)


def test_a_resumed_run_is_followed_past_its_earlier_end(folder):
    append(folder, Finished(outcome="stopped", seconds=1.0))
    append(folder, Phase(name="model", title="Loading"))
    append(folder, Finished(outcome="done", seconds=1.0))
    follower = Follower(folder)

    assert len(list(follower.events())) == 3
    assert follower.end.status == "done"


def test_what_an_earlier_worker_told_can_be_left_out(folder):
    append(folder, Finished(outcome="stopped", seconds=1.0))
    follower = Follower(folder, skip_past=True)
    append(folder, Finished(outcome="done", seconds=1.0))

    assert [event.outcome for event in follower.events()] == ["done"]


@pytest.mark.parametrize(("is_input", "code"), [(True, 2), (False, 1)])
def test_a_fault_ends_in_the_workers_words(folder, is_input, code):
    append(folder, Failed(title="Row 3 is odd.", advice="Mend it.", input_error=is_input))
    follower = Follower(folder)
    list(follower.events())

    assert (follower.end.sentence, follower.end.exit_code) == ("Row 3 is odd. Mend it.", code)


def test_a_killed_worker_is_lost_and_the_record_says_so(folder):
    follower = Follower(folder, ended_worker("os.kill(os.getpid(), signal.SIGKILL)"))
    list(follower.events())

    assert (follower.end.status, follower.end.exit_code) == ("lost", 1)
    assert "memory ran out" in follower.end.title
    assert "resume" in follower.end.advice
    assert read_record(folder).status == "lost"


def test_a_run_without_a_living_worker_is_lost_for_a_watcher_too(folder):
    follower = Follower(folder)
    list(follower.events())

    assert follower.end.status == "lost"


@pytest.mark.parametrize(("status", "code"), [("done", 0), ("stopped", 3), ("discarded", 3)])
def test_a_history_without_its_last_line_ends_as_the_record_says(folder, status, code):
    update_record(folder, status=status)
    follower = Follower(folder)
    list(follower.events())

    assert (follower.end.status, follower.end.exit_code, follower.end.sentence) == (status, code, "")


def test_a_failed_run_without_its_last_line_tells_the_records_reason(folder):
    update_record(folder, status="failed", message="The disk is full.")
    follower = Follower(folder)
    list(follower.events())

    assert (follower.end.status, follower.end.title) == ("failed", "The disk is full.")


def test_the_first_interrupt_asks_and_the_second_ends_the_worker(folder):
    worker = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    follower = Follower(folder, worker)
    follower.interrupts = 1
    asked = []
    follower.tell = lambda command: (asked.append(command), setattr(follower, "interrupts", 2))
    list(follower.events(on_interrupt=Stop(keep=True)))

    assert asked == [Stop(keep=True, time=asked[0].time)]
    assert worker.returncode == -signal.SIGKILL
    assert (follower.end.status, follower.end.exit_code) == ("stopped", 3)
    assert read_record(folder).status == "stopped"
