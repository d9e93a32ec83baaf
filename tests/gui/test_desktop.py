"""Desktop habits: one window, awake while training, a word when a run ends, a report without secrets."""

import subprocess
import sys

import pytest

from engine.job.events import Failed, Started
from engine.job.job import Job, read_job
from engine.job.record import RunRecord, write_record
from engine.job.tasks import write_task
from gui.awake import StayAwake, inhibitor_command
from gui.files import load_job, new_setup
from gui.notification import ended_words
from gui.one_instance import OneInstance
from gui.state.app_state import AppState
from gui.state.report import report_text


@pytest.fixture
def state(qapp):
    made = AppState()
    yield made
    made.shut_down()


def test_a_second_window_brings_the_first_one_forward(qapp, tmp_path):
    first, second = OneInstance(tmp_path), OneInstance(tmp_path)
    heard = []
    first.asked_to_show.connect(lambda: heard.append(True))
    assert first.is_first()
    assert not second.is_first()
    for _ in range(100):
        qapp.processEvents()
        if heard:
            break
    assert heard == [True]


def test_another_home_has_a_window_of_its_own(qapp, tmp_path):
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    first, other = OneInstance(tmp_path / "one"), OneInstance(tmp_path / "two")
    assert first.is_first()
    assert other.is_first()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows is asked through its own call, not a helper")
def test_the_helper_that_keeps_the_computer_awake_ends_with_the_run(monkeypatch):
    started = []
    real = subprocess.Popen

    def popen(command, **options):
        started.append(real([sys.executable, "-c", "import sys; sys.stdin.read()"], **options))
        return started[-1]

    monkeypatch.setattr("gui.awake.inhibitor_command", lambda pid: ["inhibit"])
    monkeypatch.setattr("gui.awake.subprocess.Popen", popen)
    awake = StayAwake()
    awake.set(True)
    awake.set(True)  # once is enough
    assert [process.poll() for process in started] == [None]
    awake.set(False)
    assert started[0].poll() is not None


def test_the_computer_stays_awake_only_where_the_system_has_a_way(monkeypatch):
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setattr("shutil.which", lambda name: None)
    assert inhibitor_command(1) == []
    monkeypatch.setattr("sys.platform", "darwin")
    assert inhibitor_command(7) == ["caffeinate", "-i", "-w", "7"]


@pytest.mark.parametrize("status", ["done", "stopped", "discarded", "failed", "lost"])
def test_every_way_to_end_has_words(status):
    assert ended_words(status).endswith(".")


def test_a_report_holds_versions_and_the_log_but_no_token(state, tmp_path):
    write_task(Job(name="secret run"), tmp_path / "job.toml")
    write_record(tmp_path, RunRecord(name="secret run"))
    (tmp_path / "engine.log").write_text("asked with hf_abcdefgh123456\n", encoding="utf-8")
    run = state.watch_run(tmp_path)
    run.apply([Started("train", 1, {}), Failed("It broke.", "Mend it.", "hf_abcdefgh123456 in a trace")])

    text = report_text(state)
    assert "torch" in text
    assert "It broke." in text
    assert "asked with" in text
    assert "abcdefgh" not in text


def test_a_job_file_becomes_the_set_up_and_undo_brings_the_old_one_back(state, tmp_path):
    path = tmp_path / "job.toml"
    path.write_text('[train]\nepochs = 7\n[[data]]\npath = "rows.jsonl"\n', encoding="utf-8")
    load_job(state, path)
    assert state.draft.job == read_job(path)
    new_setup(state)
    assert state.draft.job == Job()
    state.draft.undo()
    assert state.draft.job.train.epochs == 7


def test_a_wrong_job_file_is_told_and_changes_nothing(state, tmp_path):
    path = tmp_path / "job.toml"
    path.write_text("[train]\nepoch = 7\n", encoding="utf-8")
    before, told = state.draft.job, []
    state.notice.connect(lambda *words: told.append(words))
    load_job(state, path)
    assert state.draft.job == before
    assert told[0][0] == "error"
    assert "train.epoch" in told[0][1]
    assert "epochs" in told[0][2]
