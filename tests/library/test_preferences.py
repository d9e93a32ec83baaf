"""What the user chose is kept, and a bad file never stops the app."""

import json
from pathlib import Path

import pytest

from engine.job.errors import FolderError
from engine.library import folders
from engine.library.preferences import (
    Preferences,
    preferences_file,
    read_preferences,
    with_recent,
    write_preferences,
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HF_HOME", "HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


def test_without_a_file_everything_has_its_default() -> None:
    assert read_preferences() == Preferences()


def test_what_was_written_is_read_again() -> None:
    chosen = Preferences(
        theme="dark", text_scale=120, threads=3, offline=True, recent_models=("starter", "a/b")
    )
    write_preferences(chosen)
    assert read_preferences() == chosen
    assert [path.name for path in preferences_file().parent.iterdir()] == ["preferences.json"]


@pytest.mark.parametrize("content", [b"", b"{", b"[1]", b"\xff\xfe", b"null"])
def test_a_damaged_file_gives_the_defaults(content: bytes, home: Path) -> None:
    home.mkdir()
    preferences_file().write_bytes(content)
    assert read_preferences() == Preferences()


def test_only_the_wrong_value_is_replaced(home: Path) -> None:
    home.mkdir()
    values = {
        "theme": "purple",
        "text_scale": 9000,
        "offline": True,
        "recent_data": "x",
        "from_the_future": 1,
    }
    preferences_file().write_text(json.dumps(values))
    assert read_preferences() == Preferences(offline=True)


def test_an_unwritable_place_is_named(home: Path) -> None:
    home.write_text("a file")
    with pytest.raises(FolderError, match=r"preferences\.json cannot be written"):
        write_preferences(Preferences())


def test_the_newest_five_are_remembered_once_each() -> None:
    chosen = Preferences()
    for name in ("a", "b", "c", "d", "e", "f", "c"):
        chosen = with_recent(chosen, "recent_models", name)
    assert chosen.recent_models == ("c", "f", "e", "d", "b")


def test_folders_follow_the_settings(home: Path, tmp_path: Path) -> None:
    assert folders.runs_folder() == home / "runs"
    assert folders.tasks_folder() == home / "cache" / "tasks"
    assert folders.trash_folder() == home / "runs" / ".trash"
    write_preferences(Preferences(runs_folder=str(tmp_path / "mine"), more_model_folders=("~/llms",)))
    assert folders.runs_folder() == tmp_path / "mine"
    assert folders.model_folders() == [home / "models", Path.home() / "llms", folders.hub_cache()]


def test_the_hubs_cache_is_found_as_its_own_client_finds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    assert folders.hub_cache() == Path.home() / ".cache" / "huggingface" / "hub"
    monkeypatch.setenv("HF_HOME", "/data/hf")
    assert folders.hub_cache() == Path("/data/hf/hub")
    monkeypatch.setenv("HF_HUB_CACHE", "/data/cache")
    assert folders.hub_cache() == Path("/data/cache")


def test_without_the_variable_the_platform_says_where_things_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TUNEWRIGHT_HOME")
    assert folders.home().name == "Tunewright"
    assert folders.cache_folder().is_absolute()


def test_what_ships_with_the_app_is_there() -> None:
    assert (folders.starter_folder() / "config.json").is_file()
    assert (folders.samples_folder() / "polite.jsonl").is_file()
