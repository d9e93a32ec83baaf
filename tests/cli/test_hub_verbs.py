"""models search and download against a stand-in for the hub on this computer."""

import json
from pathlib import Path

import pytest

from tests.library.model_files import CONFIG, llama_tensors, safetensors_bytes, tokenizer_values
from tests.library.stand_in_hub import StandInHub

REPO = "acme/small"
FILES = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.json": json.dumps(tokenizer_values()).encode(),
    "tokenizer_config.json": b"{}",
    "model.safetensors": safetensors_bytes(llama_tensors()),
}


@pytest.fixture
def hub(monkeypatch):
    with StandInHub() as stand_in:
        stand_in.add(REPO, FILES)
        monkeypatch.setenv("HF_ENDPOINT", stand_in.address)
        yield stand_in


def test_a_model_is_found_downloaded_and_listed(call, hub):
    found = json.loads(call("models", "search", "small", "--json").out)["models"]
    assert [model["id"] for model in found] == [REPO]

    done = call("models", "download", REPO, "--json")
    assert done.code == 0, done.err
    folder = Path(json.loads(done.out)["folder"])
    assert (folder / "model.safetensors").read_bytes() == FILES["model.safetensors"]

    listed = json.loads(call("models", "list", "--json").out)["models"]
    assert str(folder) in [model["folder"] for model in listed]
    assert json.loads(call("models", "show", REPO, "--json").out)["layers"] == CONFIG["num_hidden_layers"]


def test_a_search_without_a_match_says_so(call, hub):
    assert call("models", "search", "nothing").out == "The hub has no model for 'nothing'.\n"


def test_a_model_that_the_hub_does_not_know_is_refused(call, hub):
    done = call("models", "download", "nobody/nothing")
    assert done.code == 2
    assert "nobody/nothing" in done.err
    assert done.err.count("\n") == 1


def test_a_download_without_a_network_is_refused_in_one_sentence(call, monkeypatch):
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    done = call("models", "download", REPO)
    assert done.code == 2
    assert "No network" in done.err
    assert done.err.count("\n") == 1
