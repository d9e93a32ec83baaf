"""Rows of a hub dataset: fetched when asked to, then read from the cache without a call."""

import json

import pytest

from engine.data.dataset import open_rows
from engine.job.errors import DataError, HubError
from engine.job.job import Job, is_dataset_id, job_from_values
from engine.job.sections import DataSource
from engine.library.hub_data import fetch_dataset, look
from tests.library.stand_in_hub import StandInHub


def rows(*prompts):
    return "".join(json.dumps({"prompt": p, "completion": "a"}) + "\n" for p in prompts).encode()


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with StandInHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


def fetched(path, subset=None, split=None, revision=None):
    fetch_dataset(look(path, revision or "main"), subset, split, lambda *_: None, lambda: False)


def asked(**source):
    return [row.messages[0].content for row in open_rows([DataSource(**source)]).rows]


def test_the_chosen_split_is_fetched_and_read(hub):
    files = {
        "data/train-0.jsonl": rows("one", "two"),
        "data/test-0.jsonl": rows("three"),
        "load.py": b"print()",
    }
    hub.add("acme/rows", {**files, "README.md": b"About", "dataset_infos.json": b"{}"})
    fetched("acme/rows")
    assert asked(path="acme/rows") == ["one", "two"]
    assert [path.split("/")[-1] for _, path, _ in hub.requests if "/resolve/" in path] == ["train-0.jsonl"]
    fetched("acme/rows", split="test")
    assert asked(path="acme/rows", split="test") == ["three"]
    assert not any("load.py" in path or "README" in path for _, path, _ in hub.requests)


def test_reading_never_calls_the_hub_and_says_what_is_missing(hub):
    hub.add("acme/rows", {"train.jsonl": rows("one"), "test.jsonl": rows("two")})
    with pytest.raises(HubError, match="'acme/rows' is not on this computer") as caught:
        asked(path="acme/rows")
    assert "inspect acme/rows" in caught.value.advice
    assert hub.requests == []
    fetched("acme/rows")
    hub.requests.clear()
    assert asked(path="acme/rows") == ["one"]
    with pytest.raises(HubError, match="not all of what was chosen"):
        asked(path="acme/rows", split="test")
    assert hub.requests == []


def test_a_subset_is_a_folder_and_only_it_is_fetched(hub):
    hub.add("acme/rows", {"small/train.jsonl": rows("s"), "large/train.jsonl": rows("l")})
    fetched("acme/rows", "small")
    assert asked(path="acme/rows", subset="small") == ["s"]
    assert not any("large" in path for _, path, _ in hub.requests)
    with pytest.raises(DataError, match="has the subsets 'large', 'small'"):
        asked(path="acme/rows")


def test_a_commit_means_the_same_rows_for_ever(hub):
    first = hub.add("acme/rows", {"train.jsonl": rows("old")})
    fetched("acme/rows")
    hub.add("acme/rows", {"train.jsonl": rows("new")})
    fetched("acme/rows")
    assert asked(path="acme/rows") == ["new"]
    assert asked(path="acme/rows", revision=first) == ["old"]


def test_what_another_program_fetched_is_told_by_its_names(hub):
    hub.add("acme/rows", {"train.jsonl": rows("one"), "test.jsonl": rows("two")})
    fetched("acme/rows")
    fetched("acme/rows", split="test")
    (look("acme/rows").source.home / "tunewright").rename(look("acme/rows").source.home / "elsewhere")
    assert asked(path="acme/rows", split="test") == ["two"]


def test_a_split_chosen_by_name_is_not_looked_for_within_its_file(tmp_path):
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "train.json").write_text(json.dumps({"data": [{"prompt": "p", "completion": "a"}]}))
    assert asked(path=str(tmp_path / "set"), split="train") == ["p"]


def test_what_was_read_of_each_source_is_told(tmp_path):
    (tmp_path / "set").mkdir()
    for name in ("a", "b"):
        (tmp_path / "set" / f"{name}.jsonl").write_bytes(rows("x", "y"))
    (tmp_path / "other.csv").write_text("question,answer\nq,a\n")
    found = open_rows([DataSource(path=str(tmp_path / "set")), DataSource(path=str(tmp_path / "other.csv"))])
    first, second = found.sources()
    assert (first.rows, first.columns) == (4, ("prompt", "completion"))
    assert (second.rows, second.roles) == (1, {"prompt": "question", "answer": "answer"})


def test_an_id_stays_an_id_in_a_job_and_a_folder_beside_it_is_a_folder(tmp_path):
    (tmp_path / "my").mkdir()
    (tmp_path / "my" / "folder").mkdir()

    def path(text):
        return job_from_values({"data": [{"path": text}]}, tmp_path).data[0].path

    assert isinstance(job_from_values({}, tmp_path), Job)
    assert path("acme/rows") == "acme/rows"
    assert path("my/folder") == str(tmp_path / "my" / "folder")
    assert path("my/rows.jsonl") == str(tmp_path / "my" / "rows.jsonl")
    assert not is_dataset_id("rows")
    assert not is_dataset_id("a/b/c")
