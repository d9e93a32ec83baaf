"""Job files, rows and the command line as a process or a call."""

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from engine.cli.main import run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def rows(tmp_path):
    """A file of twelve rows."""
    path = tmp_path / "rows.jsonl"
    lines = [{"instruction": f"Say hello {n} times.", "response": "hello " * (n + 1)} for n in range(12)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture
def job_file(tmp_path, rows, tiny_model):
    """A job of four steps on the tiny model."""
    path = tmp_path / "job.toml"
    path.write_text(
        f"""
name = "hello"
[model]
source = {json.dumps(str(tiny_model))}
[[data]]
path = "rows.jsonl"
[rows]
max_tokens = 64
[train]
steps = 4
batch_size = 4
learning_rate = 1e-3
[device]
kind = "cpu"
threads = 1
""",
        encoding="utf-8",
    )
    return path


@pytest.fixture
def runs(tmp_path):
    return tmp_path / "runs"


@pytest.fixture
def call(capsys, monkeypatch):
    """The command line within this process: exit code, standard output and standard error."""
    monkeypatch.setattr("engine.cli.main._stop_on_termination", lambda: None)

    def run_verb(*arguments):
        code = run([str(argument) for argument in arguments])
        printed = capsys.readouterr()
        return SimpleNamespace(code=code, out=printed.out, err=printed.err)

    return run_verb


@pytest.fixture
def start():
    """The command line as a process of its own, ended with the test."""
    processes = []

    def run_verb(*arguments):
        command = [sys.executable, "-m", "engine", *map(str, arguments)]
        environment = {**os.environ, "PYTHONPATH": str(ROOT)}
        process = subprocess.Popen(
            command,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        processes.append(process)
        return process

    yield run_verb
    for process in processes:
        if process.poll() is None:
            process.kill()
        process.communicate()
