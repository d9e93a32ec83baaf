import subprocess
import sys
import time

import psutil

from engine.job.channel import Tail
from engine.job.commands import Cancel, Command
from engine.worker.orphan import end_with, window_of


def test_the_task_is_cancelled_when_its_window_has_gone(tmp_path):
    window = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    commands = Tail(tmp_path / "commands.jsonl", Command)
    with end_with(psutil.Process(window.pid), tmp_path, seconds=0.01):
        time.sleep(0.05)
        assert commands.read() == []
        window.communicate(b"\n")
        deadline = time.monotonic() + 10
        while not (found := commands.read()) and time.monotonic() < deadline:
            time.sleep(0.01)
    assert [type(command) for command in found] == [Cancel]


def test_only_tasks_that_may_wait_for_a_person_end_with_the_window(monkeypatch):
    monkeypatch.setenv("TUNEWRIGHT_WINDOW", "1")
    assert window_of("chat").pid == psutil.Process().ppid()
    assert window_of("download").pid == psutil.Process().ppid()  # a paused one would wait for ever
    assert window_of("train") is None
    monkeypatch.delenv("TUNEWRIGHT_WINDOW")
    assert window_of("inspect") is None
