import json
import os

import pytest

from engine.job.channel import Tail
from engine.job.commands import Command, Evaluate, Pause, Resume, Sample, Save, Set, Stop
from engine.job.record import RunRecord, write_record


@pytest.fixture
def run_folder(tmp_path, monkeypatch):
    """A run that this process works on, as far as anybody can see."""
    monkeypatch.setattr("engine.library.alive._COMMAND_WORDS", ("python", "pytest"))
    folder = tmp_path / "runs" / "a-run"
    folder.mkdir(parents=True)
    write_record(folder, RunRecord(name="a run", status="running", pid=os.getpid(), heartbeat=2e9))
    (folder / "job.toml").write_text("schema = 1\n", encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("arguments", "command"),
    [
        (["pause"], Pause()),
        (["resume"], Resume()),
        (["stop"], Stop(keep=True)),
        (["stop", "--discard"], Stop(keep=False)),
        (["save"], Save()),
        (["evaluate"], Evaluate()),
        (["sample"], Sample()),
        (["sample", "Hello?"], Sample(prompt="Hello?")),
        (["set", "learning_rate=1e-4"], Set(name="learning_rate", value=1e-4)),
        (["set", "train.learning_rate=1e-4"], Set(name="learning_rate", value=1e-4)),
    ],
)
def test_every_action_reaches_the_runs_folder(call, run_folder, runs, arguments, command):
    done = call("control", "a run", *arguments, "--runs", runs, "--json")

    assert done.code == 0
    assert json.loads(done.out)["sent"] == arguments[0]
    [heard] = Tail(run_folder / "commands.jsonl", Command).read()
    assert heard == type(command)(**{**vars(command), "time": heard.time})


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["set"], "FIELD=VALUE"),
        (["set", "learning_rate"], "FIELD=VALUE"),
        (["set", "learning_rate=fast"], "not a number"),
        (["set", "learning_rate=7"], "above the largest"),
        (["set", "epochs=3"], "learning_rate"),
        (["pause", "now"], "takes no value"),
    ],
)
def test_a_command_that_makes_no_sense_is_not_sent(call, run_folder, runs, arguments, words):
    done = call("control", "a run", *arguments, "--runs", runs)

    assert done.code == 2
    assert words in done.err
    assert not (run_folder / "commands.jsonl").exists()


@pytest.mark.parametrize("field", ["balance", "moe.balance"])
def test_balance_can_be_changed_where_a_router_learns(call, run_folder, runs, field):
    (run_folder / "job.toml").write_text('schema = 1\n[moe]\nkind = "lora-experts"\n', encoding="utf-8")
    done = call("control", "a run", "set", f"{field}=0.05", "--runs", runs)

    assert done.code == 0
    [heard] = Tail(run_folder / "commands.jsonl", Command).read()
    assert heard == Set(name="balance", value=0.05, time=heard.time)


def test_balance_is_refused_where_no_router_learns(call, run_folder, runs):
    done = call("control", "a run", "set", "balance=0.05", "--runs", runs)

    assert done.code == 2
    assert "No router learns in this run" in done.err
    assert not (run_folder / "commands.jsonl").exists()


def test_a_run_that_has_ended_cannot_be_told_anything(call, run_folder, runs):
    write_record(run_folder, RunRecord(name="a run", status="stopped"))
    done = call("control", "a run", "pause", "--runs", runs)

    assert done.code == 2
    assert "it is stopped" in done.err
    assert "resume" in done.err
