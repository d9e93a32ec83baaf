"""Engine and window die hard; the other one goes on."""

import dataclasses
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from engine.job.job import Job
from engine.job.record import ENDED, read_record
from engine.library.home import home
from engine.library.runs import list_runs
from gui.state.app_state import AppState
from tests.flow.processes import left_behind
from tests.gui.waiting import rest, until
from tests.gui.windows import opened, quick_job

ROOT = Path(__file__).parents[2]
STEPS = 40

pytestmark = [pytest.mark.slow(reason="trains with a real engine process"), pytest.mark.timeout(200)]


@pytest.fixture(autouse=True)
def _nothing_is_left():
    yield
    assert left_behind(home()) == []


def test_a_killed_engine_is_told_in_plain_words_and_its_run_goes_on_from_the_checkpoint():
    state = AppState()
    with opened(state) as window:
        window.go("train")
        state.draft.replace(_job())
        window.pages["train"].start()
        run = state.run
        until(lambda: run.checkpoints or run.failure, 90, "a checkpoint")
        os.kill(read_record(run.folder).pid, signal.SIGKILL)
        until(lambda: run.status == "lost", 10, "the loss to be seen")

        card = window.pages["train"].live.failure
        assert window.isVisible()
        assert card.isVisible()
        assert "memory ran out" in card.title.text()
        assert "Traceback" not in card.title.text() + card.advice.text()
        saved = run.checkpoints[-1].step
        assert card.safe.text() == f"Nothing is lost: everything up to step {saved} is saved."
        assert read_record(run.folder).status == "lost"

        card.continue_button.click()
        until(lambda: state.run.status == "running", 60, "the run to go on")
        until(lambda: not state.run.is_active, 90, "the run to end")
        assert state.run.status == "done", state.run.failure
        assert [step.step for step in state.run.steps] == list(range(1, STEPS + 1))
        assert "Continued from step" in _events_shown(window)


def test_a_run_outlives_its_killed_window_and_a_new_window_shows_it_to_its_end():
    script = "from tests.gui.test_crash import leave_alone; leave_alone()"
    first = subprocess.Popen([sys.executable, "-c", script], cwd=ROOT, stdout=subprocess.PIPE)
    assert first.stdout is not None
    assert first.stdout.readline().strip() == b"running"
    first.send_signal(signal.SIGKILL)
    first.wait()
    first.stdout.close()
    folder = list_runs()[0].folder
    assert psutil.pid_exists(read_record(folder).pid)
    assert read_record(folder).status not in ENDED

    state = AppState()
    with opened(state) as window:
        until(lambda: state.run is not None, 10, "the run to be found")
        assert state.run.folder == folder
        until(lambda: window.page == "train", 5, "the Train page")
        until(lambda: not state.run.is_active, 90, "the run to end")
        assert state.run.status == "done", state.run.failure
        assert [step.step for step in state.run.steps] == list(range(1, STEPS + 1))
        assert window.pages["train"].compare_button.isVisible()


def leave_alone() -> None:
    """Another process's part: open the window, start a run, say so, and wait to be killed."""
    from gui.app import make_application

    make_application()
    state = AppState()
    with opened(state) as window:
        window.go("train")
        state.draft.replace(_job())
        window.pages["train"].start()
        until(lambda: state.run.steps or state.run.failure, 90, "the first step")
        assert state.run.failure is None
        print("running", flush=True)
        rest(600)


def _job() -> Job:
    """Long enough to be interrupted; the first evaluation saves the best checkpoint so far."""
    job = quick_job(steps=STEPS, batch_size=8)
    return dataclasses.replace(job, watch=dataclasses.replace(job.watch, evaluate_every=5, prompts=()))


def _events_shown(window) -> str:
    from gui.widgets.labels import Label

    events = window.pages["train"].live.events
    return " / ".join(label.text() for label in events.findChildren(Label))
