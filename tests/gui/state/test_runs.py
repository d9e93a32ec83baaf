import pytest

from engine.job.channel import append
from engine.job.errors import JobError
from engine.job.events import Evaluated, Started, Step
from engine.job.job import with_kind, with_value
from gui.state.presets import load_preset, save_preset
from gui.state.runs import RunsState, differing_settings, read_curves
from tests.gui.waiting import until
from tests.gui.windows import ended_run, quick_job


def step(number: int, loss: float | None, time: float) -> Step:
    return Step(number, 4, 0.1, loss, 1e-3, 1.0, 100, 50.0, number * 1000, 0.5, time=time)


def test_curves_count_tokens_and_seconds_and_drop_what_was_done_again(tmp_path):
    told = [
        Started("train", 1, {}, time=10.0),
        step(1, 3.0, 11.0),
        step(2, 2.0, 12.0),
        step(3, 9.0, 13.0),
        Started("train", 2, {}, resumed_from=1, time=20.0),
        step(2, 1.5, 21.0),
        Evaluated(2, 1.25, 5, True, time=22.0),
        step(3, None, 23.0),
    ]
    for event in told:
        append(tmp_path, event)
    curves = read_curves(tmp_path / "events.jsonl")
    assert [(point[0], point[3]) for point in curves.training] == [(1, 3.0), (2, 1.5)]
    assert [(point[0], point[3]) for point in curves.validation] == [(2, 1.25)]
    assert curves.memory == 3000


def test_only_settings_that_differ_are_listed():
    one = quick_job()
    other = with_value(with_value(one, "train.learning_rate", 1e-4), "adapter.rank", 4)
    differing, same = differing_settings([one, other])
    assert sorted(values for _, values in differing) == [["0.004", "0.0001"], ["16", "4"]]
    assert same > 10
    assert differing_settings([one, one])[0] == []


def test_a_card_without_a_setting_shows_a_dash():
    one = quick_job()
    differing, _ = differing_settings([one, with_kind(one, "adapter", "full")])
    assert any(values[1] == "–" for _, values in differing)


def test_the_store_is_read_in_the_background(qapp):
    folder = ended_run(quick_job(), step(1, 2.0, 1.0))
    state = RunsState()
    state.read()
    assert state.rows == []
    until(lambda: state.has_read, 10, "the store to be read")
    assert [row.folder for row in state.rows] == [folder]
    assert [point[3] for point in state.rows[0].curves.training] == [2.0]


def test_a_preset_brings_settings_but_neither_model_nor_data(tmp_path):
    job = with_value(quick_job(), "train.learning_rate", 5e-5)
    save_preset(job, tmp_path / "preset.toml")
    other = with_value(quick_job(), "model.source", "somewhere")
    loaded = load_preset(other, tmp_path / "preset.toml")
    assert loaded.train.learning_rate == 5e-5
    assert (loaded.model, loaded.data, loaded.name) == (other.model, other.data, other.name)


def test_a_broken_preset_is_refused_by_field(tmp_path):
    (tmp_path / "preset.toml").write_text("schema = 1\n[train]\nlearning_rat = 1\n")
    with pytest.raises(JobError, match="learning_rat"):
        load_preset(quick_job(), tmp_path / "preset.toml")
