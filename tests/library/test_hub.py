"""The hub's client against a stand-in on this computer: no test needs the internet."""

import hashlib
import os
import random
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from engine.job.channel import Desk, append, events_of
from engine.job.commands import Cancel, Pause, Resume
from engine.job.errors import HubError, StoppedError
from engine.job.events import Continued, Downloaded, Paused, Progress
from engine.job.tasks import DownloadTask
from engine.library import hub as client
from engine.library.models import check_model, find_models, locate_model
from tests.library.hub_model import FILES, REPO, WANTED, WEIGHTS, blobs, fetch
from tests.library.stand_in_hub import StandInHub


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
