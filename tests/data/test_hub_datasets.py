import json

import pytest

from engine.data.dataset import open_rows
from engine.job.errors import DataError, HubError
from engine.job.job import Job, is_dataset_id, job_from_values
from engine.job.sections import DataSource
from tests.library.stand_in_hub import StandInHub


def rows(*prompts):
    return "".join(json.dumps({"prompt": p, "completion": "a"}) + "\n" for p in prompts).encode()


@pytest.fixture
def hub(monkeypatch):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    with StandInHub() as hub:
        monkeypatch.setenv("HF_ENDPOINT", hub.address)
        yield hub


def asked(**source):
    return [row.messages[0].content for row in open_rows([DataSource(**source)]).rows]


def test_a_dataset_of_the_hub_is_fetched_and_its_split_read(hub):
    files = {
        "data/train-0.jsonl": rows("one", "two"),
        "data/test-0.jsonl": rows("three"),
        "load.py": b"print()",
    }
    hub.add("acme/rows", {**files, "README.md": b"About", "dataset_infos.json": b"{}"})
    assert asked(path="acme/rows") == ["one", "two"]
    assert asked(path="acme/rows", split="test") == ["three"]
    assert not any("load.py" in path or "README" in path for _, path, _ in hub.requests)


def test_a_subset_is_a_folder_and_must_be_named_where_there_are_several(hub):
    hub.add("acme/rows", {"small/train.jsonl": rows("s"), "large/train.jsonl": rows("l")})
    assert asked(path="acme/rows", subset="small") == ["s"]
    assert not any("large" in path for _, path, _ in hub.requests)
    with pytest.raises(DataError, match="has the subsets 'large', 'small'"):
        asked(path="acme/rows")


def test_what_is_here_is_used_offline(hub, monkeypatch):
    hub.add("acme/rows", {"train.jsonl": rows("one")})
    asked(path="acme/rows")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    count = len(hub.requests)
    assert asked(path="acme/rows") == ["one"]
    assert len(hub.requests) == count
    with pytest.raises(HubError, match="'acme/other' is not on this computer, and no call"):
        asked(path="acme/other")


def test_a_dataset_without_files_of_rows_is_refused(hub):
    hub.add("acme/script", {"load.py": b"print()"})
    with pytest.raises(DataError, match="has no file of rows"):
        asked(path="acme/script")


def test_a_missing_dataset_is_named(hub):
    with pytest.raises(HubError, match="'acme/nothing' was not found"):
        asked(path="acme/nothing")


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
