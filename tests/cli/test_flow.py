"""Whole runs, from the command line to the files they leave. Each verb starts a worker that imports torch."""

import json
import os
import signal
import time
from pathlib import Path

import pytest

from engine.job.channel import EVENTS_FILE, Tail, events_of
from engine.job.events import Event, Saved, Started, Step
from engine.job.record import read_record

SECONDS = 120
pytestmark = pytest.mark.slow  # every verb waits for a worker's three seconds of imports


def ended(process):
    out, err = process.communicate(timeout=SECONDS)
    return process.returncode, out, err


def wait_for(folder, kind, count=1):
    """Until the run has told so many new events of a kind."""
    tail = Tail(folder / EVENTS_FILE, Event)
    deadline, found = time.monotonic() + SECONDS, 0
    while found < count:
        assert time.monotonic() < deadline, f"no {kind.__name__} in {SECONDS} s"
        found += sum(isinstance(event, kind) for event in tail.read())
        time.sleep(0.02)


def only_run(runs):
    """The folder of the only run, once it is there."""
    deadline = time.monotonic() + SECONDS
    while not (found := list(runs.glob("*/run.json"))):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    return found[0].parent


@pytest.fixture
def finished(start, job_file, runs):
    """A run of four steps, trained, and what `--json` said of it."""
    code, out, err = ended(start("train", job_file, "--runs", runs, "--json"))
    assert code == 0, err
    return json.loads(out)


def test_a_run_is_trained_compared_exported_listed_and_deleted(finished, call, tiny_model, runs, tmp_path):
    assert finished["status"] == "done"
    assert (finished["step"], finished["steps"], len(finished["losses"])) == (4, 4, 4)
    assert finished["losses"][0] == finished["first_loss"]
    run = only_run(runs)
    assert finished["run"] == str(run)
    assert (Path(finished["adapter"]) / "adapter_model.safetensors").is_file()
    assert read_record(run).status == "done"

    watched = call("watch", "hello", "--runs", runs, "--json")
    assert watched.code == 0
    assert json.loads(watched.out)["losses"] == finished["losses"]
    assert call("resume", "hello", "--runs", runs).code == 2

    asked = ("--prompt", "Say hello.", "--max-new-tokens", 4, "--device", "cpu", "--runs", runs, "--json")
    compared = call("compare", tiny_model, "hello", *asked)
    assert compared.code == 0, compared.err
    answers = json.loads(compared.out)["answers"]
    assert [(answer["column"], answer["prompt"]) for answer in answers] == [
        (0, "Say hello."),
        (1, "Say hello."),
    ]
    marks = {model["fingerprint"] for model in json.loads(compared.out)["models"]}
    assert len(marks) == 2

    exported = call("export", "hello", "--out", tmp_path / "merged", "--runs", runs, "--json")
    assert exported.code == 0, exported.err
    told = json.loads(exported.out)
    assert (told["path"], told["expected"]["architecture"]) == (str(tmp_path / "merged"), "Llama")
    assert "Llama: " in exported.err
    assert (tmp_path / "merged" / "config.json").exists()
    again = call("export", "hello", "--out", tmp_path / "merged", "--runs", runs)
    assert again.code == 2
    assert "exists already" in again.err

    listed = json.loads(call("runs", "list", "--runs", runs, "--json").out)["runs"]
    assert [(item["name"], item["status"]) for item in listed] == [("hello", "done")]
    assert call("runs", "delete", "hello", "--runs", runs).code == 0
    assert not run.exists()


def test_a_run_is_stopped_resumed_killed_and_resumed_again(start, call, job_file, runs):
    endless = ("--set", "train.steps=1000000", "--set", "saving.every_minutes=0.02")
    training = start("train", job_file, *endless, "--runs", runs, "--json")
    run = only_run(runs)
    wait_for(run, Step, 3)
    assert call("control", "hello", "pause", "--runs", runs).code == 0
    assert call("control", "hello", "stop", "--runs", runs).code == 0
    code, out, err = ended(training)
    assert code == 3, err
    assert json.loads(out)["status"] == read_record(run).status == "stopped"

    resumed = start("resume", "hello", "--runs", runs)
    wait_for(run, Started, 2)
    saved = sum(isinstance(event, Saved) for event in events_of(run))
    wait_for(run, Saved, saved + 1)
    os.kill(read_record(run).pid, signal.SIGKILL)
    code, _, err = ended(resumed)
    assert code == 1
    assert "memory ran out" in err
    assert read_record(run).status == "lost"
    last_step = max(event.step for event in events_of(run) if isinstance(event, Saved))

    again = start("resume", "hello", "--runs", runs)
    wait_for(run, Started, 3)
    starts = [event for event in events_of(run) if isinstance(event, Started)]
    assert starts[2].resumed_from == last_step > 0
    before = sum(isinstance(event, Step) for event in events_of(run))
    wait_for(run, Step, before + 1)
    again.send_signal(signal.SIGINT)
    code, _, err = ended(again)
    assert code == 3, err
    assert "Stopping after this step and saving" in err
    assert read_record(run).status == "stopped"
