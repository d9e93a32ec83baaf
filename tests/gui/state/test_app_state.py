import pytest

from engine.job.commands import Pause, Stop
from engine.job.events import Finished, Phase, Started
from engine.job.job import Job
from engine.job.record import read_record, update_record
from engine.library.runs import create_run, list_runs
from gui.state.app_state import QUICK
from tests.gui.windows import ended_run, quick_job, still_state


@pytest.fixture
def state(qapp, monkeypatch):
    state = still_state(monkeypatch)
    state.said = []
    state.notice.connect(lambda kind, title, advice: state.said.append((kind, title)))
    yield state
    state.shut_down()


def test_a_draft_without_data_is_refused_and_nothing_is_made(state):
    state.draft.replace(Job())
    assert state.start_run() is None
    assert state.said[0][0] == "error"
    assert list_runs() == []
    assert state.engine.started == []


def test_a_data_file_that_is_gone_is_named(state, tmp_path):
    state.draft.replace(quick_job())
    state.draft.set_value("model.source", str(tmp_path / "no-model"))
    assert "no-model" in state.what_is_missing()
    state.draft.undo()
    assert state.what_is_missing() == ""
    state.open_paths([tmp_path / "gone.jsonl"])
    assert state.said == [("error", f"{tmp_path / 'gone.jsonl'} does not exist.")]
    assert state.draft.job == quick_job(), "nothing is lost"


def test_a_refused_start_says_what_to_do(state, tmp_path):
    state.draft.replace(quick_job())
    state.draft.set_value("model.source", str(tmp_path / "no-model"))
    said = []
    state.notice.connect(lambda *words: said.append(words))
    assert state.start_run() is None
    assert said == [("error", f"The model folder {tmp_path / 'no-model'} does not exist.", "Check the path.")]
    assert list_runs() == []


def test_a_second_run_waits_until_the_first_has_ended(state):
    state.draft.replace(quick_job())
    first = state.start_run()
    assert state.start_run() is None
    assert len(state.queue) == 1
    waiting = state.queue[0]
    assert state.engine.started == [first.folder]
    assert read_record(waiting).status == "created"

    state.engine.tell(first.folder, Started("train", 1, {}), Finished("done", 1.0))
    assert state.run.folder == waiting
    assert state.engine.started == [first.folder, waiting]
    assert state.queue == []


def test_pause_and_stop_are_shown_at_once_and_sent(state):
    state.draft.replace(quick_job())
    run = state.start_run()
    state.engine.tell(run.folder, Started("train", 1, {}), Phase("training", "Training"))
    state.control(Pause())
    assert run.status == "pausing"
    state.control(Stop(keep=True))
    assert run.status == "stopping"
    assert [type(command).__name__ for _, command in state.engine.sent] == ["Pause", "Stop"]


def test_a_run_that_ended_can_be_left_but_not_one_that_goes(state):
    state.draft.replace(quick_job())
    run = state.start_run()
    state.close_run()
    assert state.run is run
    state.engine.tell(run.folder, Started("train", 1, {}), Finished("done", 1.0))
    state.close_run()
    assert state.run is None


def test_dead_runs_are_marked_as_cut_off_and_none_is_watched(state):
    dead = create_run(quick_job())
    update_record(dead, status="running", pid=2**22 + 12345)
    assert state.reattach() is None
    assert read_record(dead).status == "lost"
    assert state.run is None


def test_a_dropped_model_folder_becomes_the_model_and_a_file_the_data(state, tiny_model, tmp_path):
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"instruction": "Hi", "response": "Hello"}\n')
    shown = []
    state.navigate.connect(shown.append)
    state.open_paths([tiny_model, rows])
    assert state.draft.job.model.source == str(tiny_model)
    assert [source.path for source in state.draft.job.data] == [str(rows)]
    assert shown == ["model", "data"]


def test_a_rename_reaches_the_record(state):
    folder = ended_run(quick_job())
    state.rename_run(folder, "better name")
    assert read_record(folder).name == "better name"


def test_a_run_keeps_its_name_when_the_new_one_is_empty(state):
    folder = ended_run(quick_job())
    before = read_record(folder).name
    state.rename_run(folder, " ")
    assert read_record(folder).name == before
    assert state.said == [("error", "A run needs a name.")]


def test_the_example_is_short_only_when_that_was_asked_for(state, monkeypatch):
    monkeypatch.delenv(QUICK, raising=False)
    state.load_example()
    usual = state.draft.job.train.steps
    monkeypatch.setenv(QUICK, "1")
    state.load_example()
    assert state.draft.job.train.steps < usual


def test_preferences_are_kept(state, monkeypatch):
    state.set_preference("theme", "dark")
    again = still_state(monkeypatch)
    assert again.preferences.theme == "dark"
    again.shut_down()
