"""Datasets of the hub against a stand-in on this computer: looked at, fetched, refused, taken up again."""

import random
import signal
import subprocess
import sys
import threading
import time

import pytest

from engine.job.channel import Desk, append, events_of
from engine.job.commands import Cancel, Pause, Resume
from engine.job.datasets import DatasetPart
from engine.job.errors import DataError, EngineError, HubError, ResourceError, StoppedError
from engine.job.events import Continued, DatasetFound, Downloaded, Paused, Progress
from engine.job.tasks import DownloadTask
from engine.library.hub import download_task
from engine.library.hub_data import CONVERTED, fetch_dataset, files_here, is_here, look
from engine.library.hub_token import save_token
from engine.library.preferences import Preferences, write_preferences
from tests.library.stand_in_hub import TOKEN

ROWS = "acme/rows"
LARGE = random.Random(1).randbytes(2_000_000)
FILES = {
    "main/train.jsonl": b'{"text": "one"}\n',
    "main/test.jsonl": b'{"text": "two"}\n',
    "extra/train-00000-of-00001.parquet": LARGE,
    "rows.py": b"print('never run')",
    "README.md": b"About",
}
TRAIN = "main/train.jsonl"


@pytest.fixture
def rows(hub):
    hub.add(ROWS, FILES)
    return hub


def fetch(subset="extra", split=None, told=None, cancelled=lambda: False):
    told = [] if told is None else told
    return fetch_dataset(look(ROWS), subset, split, lambda done, total: told.append((done, total)), cancelled)


def resolved(hub):
    return [
        path.partition("/resolve/")[2].partition("/")[2] for _, path, _ in hub.requests if "/resolve/" in path
    ]


def test_a_look_tells_parts_and_sizes_and_fetches_nothing(rows):
    rows.cards[ROWS] = {
        "dataset_info": [{"config_name": "main", "splits": [{"name": "train", "num_examples": 1}]}]
    }
    found = look(ROWS).told()
    assert found.commit == rows.commit(ROWS)
    assert found.parts == (
        DatasetPart("extra", "train", 1, len(LARGE), 0),
        DatasetPart("main", "test", 1, 16, 0),
        DatasetPart("main", "train", 1, 16, 0, rows=1),
    )
    assert resolved(rows) == []


def test_the_card_says_which_files_are_a_split(rows):
    rows.cards[ROWS] = {
        "configs": [{"config_name": "default", "data_files": [{"split": "a", "path": "main/*"}]}]
    }
    assert [(part.subset, part.split, part.files) for part in look(ROWS).told().parts] == [
        ("default", "a", 2)
    ]


def test_a_tree_of_several_pages_is_read_whole(rows):
    rows.page_size = 2
    assert len(look(ROWS).files) == 3


def test_more_files_than_can_be_listed_are_refused(rows, monkeypatch):
    rows.page_size = 1
    monkeypatch.setattr("engine.library.hub_data._MOST_PAGES", 3)
    with pytest.raises(HubError, match="'acme/rows' has more than 3 files"):
        look(ROWS)


def test_what_was_chosen_comes_whole_and_alone(rows):
    told = []
    folder = fetch(told=told)
    assert (folder / "extra/train-00000-of-00001.parquet").read_bytes() == LARGE
    assert resolved(rows) == ["extra/train-00000-of-00001.parquet"]
    assert told[-1] == (len(LARGE), len(LARGE))
    assert is_here(ROWS, "extra")
    assert not is_here(ROWS, "main")
    assert [part.bytes_here for part in look(ROWS).told().parts] == [len(LARGE), 0, 0]


@pytest.mark.parametrize(
    ("subset", "split", "words"),
    [
        ("mian", None, "no subset 'mian'; it has the subsets 'extra', 'main'"),
        ("main", "dev", "no 'dev' split; it has test, train"),
        (None, None, "has the subsets 'extra', 'main'"),
    ],
)
def test_a_wrong_choice_is_answered_by_the_possible_ones(rows, subset, split, words):
    with pytest.raises(DataError, match=words):
        fetch(subset, split)
    assert resolved(rows) == []


def test_a_dataset_that_is_a_program_is_refused_and_its_parquet_copy_named(hub):
    hub.add(ROWS, {"rows.py": b"print()"})
    with pytest.raises(DataError, match=r"no file of rows .* such programs are never run") as caught:
        look(ROWS)
    assert CONVERTED in caught.value.advice
    hub.add(ROWS, {"plain/train/0000.parquet": b"PAR1"}, CONVERTED)
    assert [(p.subset, p.split) for p in look(ROWS, CONVERTED).parts] == [("plain", "train")]
    fetch_dataset(look(ROWS, CONVERTED), None, None, lambda *_: None, lambda: False)
    assert is_here(ROWS, revision=CONVERTED)


def test_a_missing_dataset_a_missing_version_and_a_gated_one_are_told_apart(rows):
    with pytest.raises(HubError, match="'acme/none' was not found on the hub, or it is private"):
        look("acme/none")
    with pytest.raises(HubError, match="'acme/rows' has no such version"):
        look(ROWS, "v9")
    rows.gated.add(ROWS)
    with pytest.raises(HubError, match="'acme/rows' asks you to accept its conditions") as caught:
        look(ROWS)
    assert f"{rows.address}/datasets/{ROWS}" in caught.value.advice
    save_token(TOKEN)
    fetch()
    assert is_here(ROWS, "extra")


@pytest.mark.parametrize("by_variable", [False, True])
def test_offline_makes_no_call_and_shows_what_is_here(rows, monkeypatch, by_variable):
    fetch()
    if by_variable:
        monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    else:
        write_preferences(Preferences(offline=True))
    rows.requests.clear()
    assert "This is what is on this computer." in look(ROWS).note
    assert files_here(ROWS, "extra")
    for refused in (lambda: look("acme/other"), lambda: fetch("main")):
        with pytest.raises(HubError, match=r"offline|forbids"):
            refused()
    assert rows.requests == []


def test_a_hub_out_of_reach_leaves_what_is_here(rows, monkeypatch):
    fetch()
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    assert look(ROWS).note.startswith("No network: ")
    with pytest.raises(HubError, match=r"^No network: "):
        look("acme/other")


def test_a_file_that_loses_a_bit_on_the_way_is_fetched_again_and_refused_when_it_stays_so(rows):
    name = "extra/train-00000-of-00001.parquet"
    rows.flip[name] = 1
    assert (fetch() / name).read_bytes() == LARGE
    rows.add(ROWS, {name: LARGE + b"x"})
    rows.flip[name] = 2
    with pytest.raises(HubError, match=f"{name} of 'acme/rows' arrived damaged twice"):
        fetch_dataset(look(ROWS), None, None, lambda *_: None, lambda: False)
    assert is_here(ROWS, "extra")  # the earlier version is untouched
    assert not is_here(ROWS, None, None, rows.commit(ROWS))


def test_a_name_that_leads_outside_is_never_a_file(hub):
    hub.add(
        ROWS,
        {"../x.jsonl": b"1", "a//b.jsonl": b"1", "a\\b.jsonl": b"1", ".hid/c.jsonl": b"1", "d.jsonl": b"1"},
    )
    assert list(look(ROWS).files) == ["d.jsonl"]


def test_too_little_disk_is_said_before_the_first_file(rows, monkeypatch):
    import shutil

    usage = shutil.disk_usage("/")
    monkeypatch.setattr("shutil.disk_usage", lambda _path: usage._replace(free=1_000_000))
    with pytest.raises(ResourceError, match="'acme/rows' needs 2 MB more"):
        fetch()
    assert resolved(rows) == []


def test_a_damaged_note_of_the_parts_leaves_the_names_to_tell(rows):
    fetch()
    (note,) = (look(ROWS).source.home / "tunewright").iterdir()
    note.write_text("{}")
    assert is_here(ROWS)


def test_a_cancelled_download_goes_on_where_it_was(rows):
    told = []
    with pytest.raises(StoppedError):
        fetch(told=told, cancelled=lambda: bool(told) and told[-1][0] > 500_000)
    assert not is_here(ROWS, "extra")
    here = next(part.bytes_here for part in look(ROWS).told().parts if part.subset == "extra")
    assert here > 500_000
    fetch()
    assert rows.ranges() == [f"bytes={here}-"]


def test_a_killed_download_goes_on_where_it_was_in_a_new_process(rows):
    rows.piece_seconds = 0.02
    code = (
        "from engine.library.hub_data import *;"
        f"fetch_dataset(look({ROWS!r}), 'extra', None, lambda *_: None, lambda: False)"
    )
    child = subprocess.Popen([sys.executable, "-c", code])
    home = look(ROWS).source.home
    deadline = time.monotonic() + 60
    while not any(path.stat().st_size > 300_000 for path in home.rglob("*.part")):
        assert time.monotonic() < deadline
        assert child.poll() is None
        time.sleep(0.01)
    child.send_signal(signal.SIGKILL)
    child.wait()
    (part,) = home.rglob("*.part")
    size = part.stat().st_size
    rows.piece_seconds = 0
    fetch()
    assert rows.ranges() == [f"bytes={size}-"]
    assert files_here(ROWS, "extra")[0].read_bytes() == LARGE


# As a task ---------------------------------------------------------------------------------------------


def task(**values):
    return DownloadTask(repo=ROWS, kind="dataset", **values)


def test_a_look_as_a_task_tells_what_was_found(rows, tmp_path):
    download_task(task(only_look=True), Desk(tmp_path))
    (found,) = [event for event in events_of(tmp_path) if isinstance(event, DatasetFound)]
    assert found.parts == look(ROWS).told().parts
    assert resolved(rows) == []


def test_a_download_as_a_task_tells_progress_and_the_commit(rows, tmp_path):
    download_task(task(subset="extra"), Desk(tmp_path))
    told = events_of(tmp_path)
    assert told[-1].revision == rows.commit(ROWS)
    assert isinstance(told[-1], Downloaded)
    assert any(isinstance(event, Progress) and event.total == len(LARGE) for event in told)


def test_a_download_as_a_task_pauses_continues_and_is_cancelled(rows, tmp_path):
    rows.piece_seconds = 0.02
    ended = []

    def run():
        try:
            download_task(task(subset="extra"), Desk(tmp_path))
        except EngineError as error:
            ended.append(error)

    worker = threading.Thread(target=run)
    worker.start()
    told(tmp_path, Progress)
    append(tmp_path, Pause())
    told(tmp_path, Paused)
    append(tmp_path, Resume())
    told(tmp_path, Continued)
    append(tmp_path, Cancel())
    worker.join(30)
    assert [type(error) for error in ended] == [StoppedError]


def told(folder, kind):
    deadline = time.monotonic() + 30
    while not any(isinstance(event, kind) for event in events_of(folder)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
