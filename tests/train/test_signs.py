import pytest

from engine.job.channel import Desk, events_of
from engine.job.events import Remark
from engine.job.methods import METHODS
from engine.train.signs import Signs


def signs(tmp_path, kind="dpo", starts_equal=True):
    return Signs(METHODS[kind], Desk(tmp_path), starts_equal)


def remarks(tmp_path):
    return [event for event in events_of(tmp_path) if isinstance(event, Remark)]


def test_accuracy_is_not_told_before_the_first_update(tmp_path):
    metrics = {"accuracy": 0.5, "reward_margin": 0.0}
    assert "accuracy" not in signs(tmp_path).told(metrics, updates=0)
    assert signs(tmp_path).told(metrics, updates=1)["accuracy"] == 0.5
    assert signs(tmp_path, "simpo", starts_equal=False).told(metrics, updates=0)["accuracy"] == 0.5


def test_differences_of_means_are_told(tmp_path):
    metrics = {"reward_chosen": 0.5, "reward_rejected": -0.25, "length_chosen": 3.0, "length_rejected": 7.0}
    told = signs(tmp_path, "kto").told(metrics, updates=1)
    assert (told["reward_margin"], told["length_difference"]) == (0.75, -4.0)
    assert "reward_margin" not in signs(tmp_path, "kto").told({"reward_chosen": 0.5}, updates=1)


def test_a_falling_chosen_reward_under_a_growing_margin_is_told_once(tmp_path):
    watcher = signs(tmp_path)
    for step in range(1, 41):
        watcher.heed({"reward_chosen": -0.1 * step, "reward_margin": 0.2 * step}, step)
    (remark,) = remarks(tmp_path)
    assert (remark.tone, "less likely" in remark.title) == ("warn", True)
    assert "learning rate" in remark.advice


@pytest.mark.parametrize(("chosen", "margin"), [(0.1, 0.2), (-0.01, 0.2), (-0.1, -0.2), (0.0, 0.0)], ids=str)
def test_what_goes_well_is_not_warned_of(chosen, margin, tmp_path):
    watcher = signs(tmp_path)
    for step in range(1, 41):
        watcher.heed({"reward_chosen": chosen * step, "reward_margin": margin * step}, step)
    assert remarks(tmp_path) == []


def test_without_a_reference_the_checks_tell_what_was_gained_since_the_start(tmp_path):
    watcher = signs(tmp_path, "simpo", starts_equal=False)
    for step in range(1, 41):  # rewards of an update are raw log-probabilities of ever other rows
        watcher.heed({"reward_chosen": -0.1 * step, "reward_margin": 0.2 * step}, step)
    assert remarks(tmp_path) == []
    watcher.heed_check({"chosen_gain": -0.1, "margin_gain": 0.2}, 10)
    assert remarks(tmp_path) == []  # once is no sign
    watcher.heed_check({"chosen_gain": -0.2, "margin_gain": 0.4}, 20)
    watcher.heed_check({"chosen_gain": -0.3, "margin_gain": 0.6}, 30)
    (remark,) = remarks(tmp_path)
    assert (remark.step, remark.tone, "less likely" in remark.title) == (20, "warn", True)
    assert "learning rate" in remark.advice


@pytest.mark.parametrize(("chosen", "margin"), [(0.1, 0.2), (-0.01, 0.2), (-0.1, -0.2), (0.0, 0.0)], ids=str)
def test_checks_that_go_well_are_not_warned_of(chosen, margin, tmp_path):
    watcher = signs(tmp_path, "cpo", starts_equal=False)
    for step in range(1, 9):
        watcher.heed_check({"chosen_gain": chosen * step, "margin_gain": margin * step}, step)
    assert remarks(tmp_path) == []


def test_checks_of_methods_with_a_reference_add_no_second_warning(tmp_path):
    watcher = signs(tmp_path)
    for step in range(1, 9):
        watcher.heed_check({"reward_chosen": -0.1 * step, "reward_margin": 0.2 * step}, step)
    assert remarks(tmp_path) == []


def test_a_single_bad_update_is_no_sign(tmp_path):
    watcher = signs(tmp_path)
    for step in range(1, 41):
        dip = 1.0 if step == 20 else 0.0
        watcher.heed({"reward_chosen": 0.05 * step - dip, "reward_margin": 0.1 * step}, step)
    assert remarks(tmp_path) == []
