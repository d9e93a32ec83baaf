"""Finding models on this computer and locating what a job names."""

import shutil
from pathlib import Path

import pytest

from engine.job.errors import ModelError
from engine.library.folders import starter_folder
from engine.library.models import find_models, is_hub_id, locate_model
from tests.library.model_files import write_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A hub cache that holds org/small."""
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    home = tmp_path / "hub" / "models--org--small"
    write_model(home / "snapshots" / COMMIT)
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text(COMMIT)
    return tmp_path / "hub"


def test_models_adapters_gguf_and_broken_ones_are_found_with_their_kind(tmp_path: Path) -> None:
    write_model(tmp_path / "Good")
    (write_model(tmp_path / "more" / "broken") / "config.json").unlink()
    (tmp_path / "photos").mkdir()
    (tmp_path / "adapter").mkdir()
    (tmp_path / "adapter" / "adapter_config.json").write_text("{}")
    (tmp_path / "a.gguf").write_bytes(b"GGUF")
    found = [(info.name, info.kind) for info in find_models([tmp_path, tmp_path / "more"])]
    assert found == [("a", "gguf"), ("adapter", "adapter"), ("broken", "broken"), ("Good", "model")]


def test_the_hubs_cache_shows_models_by_their_ids(cache: Path) -> None:
    (info,) = find_models([cache])
    assert (info.name, info.kind) == ("org/small", "model")


def test_hidden_folders_and_missing_ones_are_passed_over(tmp_path: Path) -> None:
    write_model(tmp_path / ".trash" / "old")
    assert find_models([tmp_path, tmp_path / "nowhere"]) == []


def test_the_starter_and_folders_are_located(tmp_path: Path) -> None:
    assert locate_model("starter") == starter_folder()
    assert locate_model(str(tmp_path)) == tmp_path


@pytest.mark.parametrize("revision", [None, "main", COMMIT, COMMIT[:8]])
def test_a_downloaded_model_is_located_by_branch_or_commit(revision: str | None, cache: Path) -> None:
    assert locate_model("org/small", revision).name == COMMIT


@pytest.mark.parametrize("revision", ["v2", "../main", "fffffff", "..", "a\\b"])
def test_a_version_that_is_not_here_is_named(revision: str, cache: Path) -> None:
    with pytest.raises(ModelError) as caught:
        locate_model("org/small", revision)
    assert f"'{revision}'" in caught.value.title


def test_a_model_that_is_not_here_says_how_to_get_it(cache: Path) -> None:
    with pytest.raises(ModelError, match="'org/other' is not on this computer") as caught:
        locate_model("org/other")
    assert "models download org/other" in caught.value.advice


def test_a_snapshot_without_config_does_not_count_as_downloaded(cache: Path) -> None:
    shutil.rmtree(cache / "models--org--small" / "snapshots" / COMMIT)
    with pytest.raises(ModelError, match="not on this computer"):
        locate_model("org/small")


@pytest.mark.parametrize("source", ["/no/where", "./here", "../up", "~/none/of/it", "a/b/c", "x y", "", "\0"])
def test_a_path_that_does_not_exist_is_not_taken_for_a_hub_id(source: str) -> None:
    with pytest.raises(ModelError) as caught:
        locate_model(source)
    assert "on this computer" not in caught.value.title


@pytest.mark.parametrize(
    "text", ["../..", "acme/..", "a--b/c", "C:\\x", "-a/b", "a/b.", "a b", "ü/x", "a" * 97]
)
def test_what_cannot_be_a_hub_id_is_told(text: str) -> None:
    assert not is_hub_id(text)


@pytest.mark.parametrize("text", ["org/name", "gpt2", "Qwen/Qwen2.5-0.5B_x", "a/1"])
def test_hub_ids_are_recognised(text: str) -> None:
    assert is_hub_id(text)
