"""What the hub's client refuses, and what it says when the hub refuses."""

import shutil
import time
from pathlib import Path

import pytest

from engine.job.errors import FolderError, HubError, ResourceError
from engine.library import hub as client
from engine.library.models import locate_model
from engine.library.preferences import Preferences, write_preferences
from tests.library.hub_model import REPO, fetch
from tests.library.stand_in_hub import TOKEN, StandInHub


def test_a_gated_model_says_where_to_ask_and_opens_with_the_token(hub: StandInHub) -> None:
    hub.gated.add(REPO)
    with pytest.raises(HubError, match="accept its conditions") as caught:
        client.plan(REPO)
    assert f"{hub.address}/{REPO}" in caught.value.advice
    client.save_token(TOKEN)
    assert fetch().is_dir()


def test_a_missing_model_may_also_be_private(hub: StandInHub) -> None:
    with pytest.raises(HubError, match="'acme/none' was not found on the hub, or it is private"):
        client.plan("acme/none")


def test_a_missing_version_is_told_apart_from_a_missing_model(hub: StandInHub) -> None:
    with pytest.raises(HubError, match="'acme/small' has no such version"):
        client.plan(REPO, "v9")


@pytest.mark.parametrize("repo", ["../..", "a/b/c", "acme/..", "C:\\x", "a b", "", "http://x/y"])
def test_what_is_no_id_is_refused_before_any_call(repo: str, hub: StandInHub) -> None:
    with pytest.raises(HubError, match="is not a Hugging Face id"):
        client.plan(repo)
    assert hub.requests == []


@pytest.mark.parametrize("revision", ["../main", "", "a b", "-x", "main/../../x"])
def test_what_is_no_version_is_refused_before_any_call(revision: str, hub: StandInHub) -> None:
    with pytest.raises(HubError, match="is not a version"):
        client.plan(REPO, revision)
    assert hub.requests == []


def test_a_model_without_safetensors_is_refused_before_anything_is_fetched(hub: StandInHub) -> None:
    hub.add("acme/old", {"config.json": b"{}", "pytorch_model.bin": b"x"})
    with pytest.raises(HubError, match="no weights in safetensors format"):
        client.plan("acme/old")


def test_a_file_name_that_leads_outside_is_left_out(hub: StandInHub) -> None:
    hub.add("acme/evil", {"../evil.json": b"{}", "..\\evil.json": b"{}", "model.safetensors": b"x"})
    assert [file.name for file in client.plan("acme/evil").files] == ["model.safetensors"]


@pytest.mark.parametrize(
    ("status", "words"), [(403, "may not read"), (429, "too often"), (503, "fault of its own")]
)
def test_every_refusal_is_a_sentence(status: int, words: str, hub: StandInHub) -> None:
    hub.status = status
    with pytest.raises(HubError, match=words):
        client.search("x")


def test_an_address_that_is_no_hub_is_told(hub: StandInHub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.library.stand_in_hub._Handler._json", lambda self, _values: page(self))
    with pytest.raises(HubError, match="did not answer as a hub does"):
        client.search("x")


def page(handler: object) -> None:
    """A sign-in page in place of an answer."""
    handler.send_response(200)
    handler.send_header("Content-Length", "6")
    handler.end_headers()
    handler.wfile.write(b"<html>")


def test_no_network_is_said_at_once_and_models_here_stay_usable(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = fetch()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    begun = time.monotonic()
    with pytest.raises(HubError, match=r"^No network: http://127.0.0.1:9 could not be reached"):
        client.search("x")
    assert client.network_problem().startswith("No network: ")
    assert time.monotonic() - begun < 5
    assert locate_model(REPO) == folder


@pytest.mark.parametrize("by_variable", [False, True])
def test_offline_makes_no_call_at_all(
    by_variable: bool, hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.network_problem() == ""
    if by_variable:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        write_preferences(Preferences(offline=True))
    hub.requests.clear()
    for call in (
        lambda: client.search("x"),
        lambda: client.plan(REPO),
        fetch,
        lambda: client.check_token("hf_x"),
    ):
        with pytest.raises(HubError, match=r"offline|forbids"):
            call()
    assert client.network_problem() != ""
    assert hub.requests == []


def test_too_little_disk_is_said_before_the_first_file(
    hub: StandInHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage("/")
    monkeypatch.setattr("shutil.disk_usage", lambda _p: usage._replace(free=1_000_000))
    with pytest.raises(ResourceError, match="needs 3 MB more, but only 1 MB are free"):
        fetch()
    assert [path for _, path, _ in hub.requests if "/resolve/" in path] == []


def test_an_unwritable_cache_is_named(hub: StandInHub, tmp_path: Path) -> None:
    (tmp_path / "hf").write_text("a file in place of the folder")
    with pytest.raises(FolderError, match="cannot be written"):
        fetch()
