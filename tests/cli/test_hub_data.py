"""inspect, train and estimate with a dataset of the hub that is not here yet: fetched first, with progress."""

import json
import random
import signal

import pytest

from engine.library.hub_data import is_here
from engine.library.preferences import Preferences, write_preferences
from tests.library.stand_in_hub import StandInHub

ROWS = "acme/rows"
TRAIN = b"".join(
    json.dumps({"instruction": f"Say {n}", "response": f"It is {n}."}).encode() + b"\n" for n in range(12)
)


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with StandInHub() as stand_in:
        stand_in.add(ROWS, {"train.jsonl": TRAIN, "test.jsonl": TRAIN[: TRAIN.index(b"\n") + 1]})
        monkeypatch.setenv("HF_ENDPOINT", stand_in.address)
        yield stand_in


@pytest.mark.slow(reason="starts a real worker")
def test_inspect_fetches_the_split_and_shows_its_rows(call, hub, tiny_model):
    done = call("inspect", ROWS, "--model", tiny_model, "--json", "--set", "data.split=test")
    assert done.code == 0, done.err
    assert json.loads(done.out)["rows"] == 1
    assert f"{ROWS}: {TRAIN.index(b'}') + 2} bytes in 1 file." in done.err
    assert f"Downloading {ROWS}: " in done.err
    hub.requests.clear()
    assert call("inspect", ROWS, "--model", tiny_model, "--set", "data.split=test").code == 0
    assert hub.requests == []


def test_estimate_fetches_what_the_job_names(call, hub, job_file):
    job_file.write_text(job_file.read_text().replace("rows.jsonl", ROWS))
    done = call("estimate", job_file, "--json")
    assert done.code == 0, done.err
    assert is_here(ROWS)
    assert json.loads(done.out)


@pytest.mark.parametrize(
    ("repo", "setting", "words"),
    [
        ("acme/nothing", "data.split=train", "was not found on the hub"),
        (ROWS, "data.split=dev", "has no 'dev' split; it has test, train"),
        (ROWS, "data.subset=main", "has no subset 'main'; it has no subsets"),
    ],
)
def test_what_cannot_be_had_is_one_sentence(call, hub, tiny_model, repo, setting, words):
    done = call("inspect", repo, "--model", tiny_model, "--set", setting)
    assert done.code == 2
    assert words in done.err
    assert done.err.count("\n") == 1


def test_offline_says_so_and_makes_no_call(call, hub, tiny_model):
    write_preferences(Preferences(offline=True))
    done = call("inspect", ROWS, "--model", tiny_model)
    assert done.code == 2
    assert "Working offline is switched on" in done.err
    assert hub.requests == []


@pytest.mark.slow(reason="starts the command line as a process")
def test_ctrl_c_stops_the_download_and_the_next_try_goes_on(start, hub, tiny_model):
    hub.add("acme/large", {"train.parquet": random.Random(1).randbytes(4_000_000)})
    hub.piece_seconds = 0.05
    process = start("inspect", "acme/large", "--model", tiny_model)
    seen = ""
    while " kB of 4.0 MB" not in seen:
        line = process.stderr.readline()
        assert line, seen
        seen += line
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 3, seen + err
    assert "The download was stopped. What has arrived is kept" in err
    hub.piece_seconds = 0
    again = start("inspect", "acme/large", "--model", tiny_model)
    _, err = again.communicate(timeout=60)
    assert again.returncode == 2  # it came whole, and is no Parquet file
    assert "'train.parquet' is not a Parquet file" in err
    assert len(hub.ranges()) == 1
