"""The hub's client against a stand-in on this computer: no test needs the internet."""

import hashlib
import json
import logging
import os
import random
import shutil
import signal
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.job.channel import Desk, append, events_of
from engine.job.commands import Cancel, Pause, Resume
from engine.job.errors import FolderError, HubError, ResourceError, StoppedError
from engine.job.events import Continued, Downloaded, Paused, Progress
from engine.job.tasks import DownloadTask
from engine.library import hub as client
from engine.library.models import check_model, find_models, locate_model
from engine.library.preferences import Preferences, write_preferences
from tests.library.model_files import CONFIG, llama_tensors, safetensors_bytes, tokenizer_values
from tests.library.stand_in_hub import TOKEN, StandInHub

REPO = "acme/small"
WEIGHTS = safetensors_bytes(llama_tensors() | {"padding": (1_500_000,)})  # three megabytes: many pieces
FILES = {
    "config.json": json.dumps(CONFIG).encode(),
    "tokenizer.json": json.dumps(tokenizer_values()).encode(),
    "tokenizer_config.json": b"{}",
    "chat_template.jinja": b"{{ messages }}",
    "README.md": b"---\nlicense: apache-2.0\n---\n",
    "LICENSE": b"Apache",
    "merges.txt": b"",
    "model.safetensors": WEIGHTS,
    "pytorch_model.bin": b"pickle",
    "modeling_small.py": b"print('never run')",
    "model.fp16.safetensors": b"other",
    "consolidated.safetensors": b"other",
    "onnx/model.onnx": b"other",
    "original/params.json": b"{}",
}
WANTED = sorted(list(FILES)[:8])


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A hub with one model, and a home and cache of our own."""
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with StandInHub() as server:
        server.add(REPO, FILES)
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server


def fetch(repo: str = REPO, revision: str = "main", told: list[tuple[int, int]] | None = None) -> Path:
    told = [] if told is None else told
    return client.download(repo, revision, lambda done, total: told.append((done, total)), lambda: False)


def blobs(home: Path) -> list[Path]:
    return sorted((home.parent / "hf" / "hub" / "models--acme--small" / "blobs").iterdir())


def test_a_search_tells_what_one_chooses_by(hub: StandInHub) -> None:
    hub.add("acme/other", {})
    hub.gated.add("acme/other")
    (found,) = client.search("small")
    assert (found.id, found.downloads, found.likes) == (REPO, 1234, 5)
    assert (found.gated, found.licence, found.updated[:10]) == (False, "apache-2.0", "2026-10-01")
    assert [model.gated for model in client.search("", limit=5)] == [False, True]
    assert client.search("nothing like it") == []


def test_a_plan_names_sizes_and_leaves_out_programs_pickles_and_copies(hub: StandInHub) -> None:
    plan = client.plan(REPO)
    assert sorted(file.name for file in plan.files) == WANTED
    assert plan.commit == hub.commit(REPO)
    assert plan.bytes == sum(len(FILES[name]) for name in WANTED)
    assert plan.bytes_cached == 0


def test_a_downloaded_model_is_whole_found_and_ready_to_train(hub: StandInHub) -> None:
    told: list[tuple[int, int]] = []
    folder = fetch(told=told)
    assert sorted(path.name for path in folder.iterdir()) == WANTED
    assert all((folder / name).read_bytes() == FILES[name] for name in WANTED)
    assert locate_model(REPO) == locate_model(REPO, "main") == folder
    assert check_model(folder).name == REPO
    assert check_model(folder).licence == "apache-2.0"
    assert [info.name for info in find_models([folder.parents[2]])] == [REPO]
    total = sum(len(FILES[name]) for name in WANTED)
    assert told[-1] == (total, total)
    assert [done for done, _ in told] == sorted(done for done, _ in told)


def test_the_cache_is_the_one_that_the_hubs_own_client_reads(hub: StandInHub, tmp_path: Path) -> None:
    folder = fetch()
    code = (
        "from huggingface_hub import snapshot_download;"
        f"print(snapshot_download({REPO!r}, local_files_only=True))"
    )
    environment = {**os.environ, "HF_HUB_OFFLINE": "1"}
    shown = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert shown.stdout.strip() == str(folder)


def test_a_second_download_asks_for_no_file_again(hub: StandInHub) -> None:
    fetch()
    hub.requests.clear()
    assert client.plan(REPO).bytes_cached == sum(len(FILES[name]) for name in WANTED)
    hub.requests.clear()
    fetch()
    assert [path for _, path, _ in hub.requests if "/resolve/" in path] == []


def test_a_cancelled_download_keeps_what_it_has_and_goes_on_from_there(
    hub: StandInHub, tmp_path: Path
) -> None:
    told: list[int] = []
    with pytest.raises(StoppedError, match="stopped"):
        client.download(
            REPO, "main", lambda done, _total: told.append(done), lambda: max(told, default=0) > 10**6
        )
    (part,) = [path for path in blobs(tmp_path / "home") if path.suffix == ".part"]
    assert part.read_bytes() == WEIGHTS[: part.stat().st_size]
    with pytest.raises(Exception, match="not on this computer"):
        locate_model(REPO)
    here = client.plan(REPO).bytes_cached
    assert here >= part.stat().st_size > 500_000
    fetch()
    assert hub.ranges() == [f"bytes={part_size(here)}-"]
    assert [path.suffix for path in blobs(tmp_path / "home") if path.suffix] == []


def part_size(cached: int) -> int:
    """The weights' share of what was cached: the small files came first and were whole."""
    return cached - sum(len(FILES[name]) for name in WANTED if name != "model.safetensors")


def test_a_killed_download_resumes_by_range_in_a_new_process(hub: StandInHub, tmp_path: Path) -> None:
    hub.piece_seconds = 0.02
    code = (
        f"from engine.library.hub import download; download({REPO!r}, 'main', lambda *_: None, lambda: False)"
    )
    for _ in range(2):
        child = subprocess.Popen([sys.executable, "-c", code])
        part = (
            tmp_path
            / "hf"
            / "hub"
            / "models--acme--small"
            / "blobs"
            / f"{hashlib.sha256(WEIGHTS).hexdigest()}.part"
        )
        before = part.stat().st_size if part.exists() else 0
        deadline = time.monotonic() + 30
        while not (part.exists() and part.stat().st_size > before) and time.monotonic() < deadline:
            time.sleep(0.01)
        child.send_signal(signal.SIGKILL if os.name == "posix" else signal.SIGTERM)
        child.wait()
        assert part.stat().st_size > before
    hub.piece_seconds = 0.0
    kept = part.stat().st_size
    folder = fetch()
    assert hub.ranges()[-1] == f"bytes={kept}-"
    assert (folder / "model.safetensors").read_bytes() == WEIGHTS


def test_a_broken_connection_is_taken_up_again(hub: StandInHub) -> None:
    hub.break_after["model.safetensors"] = 1_000_000
    assert (fetch() / "model.safetensors").read_bytes() == WEIGHTS
    (asked,) = hub.ranges()
    assert 0 < int(asked.removeprefix("bytes=").rstrip("-")) <= 1_000_000


def test_a_flipped_bit_is_found_and_fetched_again(hub: StandInHub) -> None:
    hub.flip["model.safetensors"] = 1
    assert (fetch() / "model.safetensors").read_bytes() == WEIGHTS


@pytest.mark.parametrize("name", ["model.safetensors", "config.json"])
def test_a_file_that_stays_damaged_is_never_shown(name: str, hub: StandInHub, tmp_path: Path) -> None:
    hub.flip[name] = 99
    with pytest.raises(HubError, match=f"{name} of 'acme/small' arrived damaged"):
        fetch()
    with pytest.raises(Exception, match="not on this computer"):
        locate_model(REPO)
    assert not [path for path in blobs(tmp_path / "home") if path.suffix == ".part"]


def test_a_part_that_was_damaged_on_disk_is_found_at_the_end(hub: StandInHub, tmp_path: Path) -> None:
    part = (
        tmp_path
        / "hf"
        / "hub"
        / "models--acme--small"
        / "blobs"
        / f"{hashlib.sha256(WEIGHTS).hexdigest()}.part"
    )
    part.parent.mkdir(parents=True)
    part.write_bytes(bytes(1000))
    assert (fetch() / "model.safetensors").read_bytes() == WEIGHTS
    part.write_bytes(WEIGHTS + b"too long")
    (part.with_suffix("")).unlink()
    assert (fetch() / "model.safetensors").read_bytes() == WEIGHTS


def test_one_model_is_not_downloaded_twice_at_once(hub: StandInHub) -> None:
    hub.piece_seconds = 0.05
    begun, leave = threading.Event(), threading.Event()

    def first() -> None:
        with pytest.raises(StoppedError):
            client.download(REPO, "main", lambda done, _t: done > 1000 and begun.set(), leave.is_set)

    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(20)
    with pytest.raises(HubError, match="being downloaded already"):
        fetch()
    leave.set()
    thread.join(20)
    hub.piece_seconds = 0.0
    assert fetch().is_dir()


# Refusals ---------------------------------------------------------------------------------------------


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
    monkeypatch.setattr("engine.library.hub.shutil.disk_usage", lambda _p: usage._replace(free=1_000_000))
    with pytest.raises(ResourceError, match="needs 3 MB more, but only 1 MB are free"):
        fetch()
    assert [path for _, path, _ in hub.requests if "/resolve/" in path] == []


def test_an_unwritable_cache_is_named(hub: StandInHub, tmp_path: Path) -> None:
    (tmp_path / "hf").write_text("a file in place of the folder")
    with pytest.raises(FolderError, match="cannot be written"):
        fetch()


# Token ------------------------------------------------------------------------------------------------


def test_a_token_is_checked_with_the_hub_itself(hub: StandInHub) -> None:
    assert client.check_token(f" {TOKEN}\n") == "alice"
    fetch()
    with pytest.raises(HubError, match="refused the access token"):  # though the model is here already
        client.check_token("hf_wrongwrong")
    for text in ("", "two words", "hf_ü"):
        with pytest.raises(HubError):
            client.check_token(text)


def test_a_token_is_kept_for_its_owner_alone(hub: StandInHub) -> None:
    assert client.read_token() is None
    client.save_token(f"{TOKEN}\n")
    assert client.read_token() == TOKEN
    if os.name == "posix":
        assert stat.S_IMODE(client.token_file().stat().st_mode) == 0o600
    client.delete_token()
    assert client.read_token() is None
    client.delete_token()


def test_no_token_is_sent_unless_one_was_saved(hub: StandInHub) -> None:
    client.search("x")
    client.save_token(TOKEN)
    client.search("x")
    assert [headers.get("authorization") for _, _, headers in hub.requests] == [None, f"Bearer {TOKEN}"]


def test_a_token_never_reaches_logs_or_errors(hub: StandInHub, caplog: pytest.LogCaptureFixture) -> None:
    client.save_token(TOKEN)
    caplog.set_level(logging.DEBUG)
    client.search("x")
    hub.status = 403
    with pytest.raises(HubError) as caught:
        client.plan(REPO)
    assert TOKEN not in caplog.text + str(caught.value) + caught.value.detail
    assert client.redact(f"Bearer {TOKEN}, hf_AbCdEf123 and hf_hub") == "Bearer [token], [token] and hf_hub"


def test_nothing_is_told_to_the_hub_about_its_user(hub: StandInHub) -> None:
    fetch()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] == "1"
    known = ("/api/models", f"/{REPO}/resolve/")
    assert all(path.startswith(known) for _, path, _ in hub.requests)


# As a task --------------------------------------------------------------------------------------------


def test_a_download_task_tells_progress_and_where_the_model_is(hub: StandInHub, tmp_path: Path) -> None:
    hub.piece_seconds = 0.01
    client.download_task(DownloadTask(REPO), Desk(tmp_path))
    events = events_of(tmp_path)
    times = [event.time for event in events if isinstance(event, Progress)]
    assert 3 <= len(times) <= 10 * (times[-1] - times[0]) + 2  # ten a second, the first and the last
    (done,) = [event for event in events if isinstance(event, Downloaded)]
    assert (done.repo, done.path) == (REPO, str(locate_model(REPO)))
    assert done.bytes == sum(len(FILES[name]) for name in WANTED)


def test_a_download_task_hears_pause_resume_and_cancel(hub: StandInHub, tmp_path: Path) -> None:
    hub.piece_seconds = 0.02
    append(tmp_path, Pause())
    ended: list[Exception | None] = []

    def work() -> None:
        try:
            client.download_task(DownloadTask(REPO), Desk(tmp_path))
            ended.append(None)
        except StoppedError as error:
            ended.append(error)

    thread = threading.Thread(target=work)
    thread.start()
    wait_for(tmp_path, Paused)
    asked = len(hub.requests)
    time.sleep(0.3)
    assert len(hub.requests) <= asked + 1
    append(tmp_path, Resume())
    wait_for(tmp_path, Continued)
    append(tmp_path, Cancel())
    thread.join(20)
    assert isinstance(ended[0], StoppedError)
    hub.piece_seconds = 0.0
    assert fetch().is_dir()


def wait_for(folder: Path, kind: type) -> None:
    deadline = time.monotonic() + 20
    while not any(isinstance(event, kind) for event in events_of(folder)):
        assert time.monotonic() < deadline, f"no {kind.__name__}"
        time.sleep(0.02)


def test_the_content_of_a_large_file_does_not_matter(hub: StandInHub) -> None:
    content = random.Random(0).randbytes(1_000_001)
    hub.add("acme/random", {"config.json": b"{}", "model.safetensors": content})
    assert (fetch("acme/random") / "model.safetensors").read_bytes() == content
