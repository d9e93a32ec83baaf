"""A run is a replay of its events."""

import time

import pytest

from engine.job.events import Changed, Failed, Finished, Phase, Started, Step
from engine.job.expert_events import Routing
from engine.job.job import Job, job_from_values
from engine.job.record import RunRecord, write_record
from engine.job.tasks import write_task
from gui.state.live_run import LiveRun

BEGAN = 1000.0


@pytest.fixture
def folder(tmp_path):
    write_task(Job(name="a run"), tmp_path / "job.toml")
    write_record(tmp_path, RunRecord(name="a run"))
    return tmp_path


def started(at, resumed_from=0):
    return Started("train", 1, {}, resumed_from, time=at)


def step(number, at):
    return Step(number, 10, number / 10, 2.0, 1e-3, 1.0, 100, 50.0, 10**6, 1.0, time=at)


def ends_of(run):
    heard = []
    run.ended.connect(lambda: heard.append(run.status))
    return heard


def test_steps_and_the_end_are_followed(qapp, folder):
    run = LiveRun(folder)
    heard = ends_of(run)
    run.apply([started(BEGAN), Phase("model", "Loading", time=BEGAN + 1), step(1, BEGAN + 2)])
    assert (run.status, run.last_step.step, heard) == ("running", 1, [])

    run.apply([Finished("done", 3.0, time=BEGAN + 3)])
    assert heard == ["done"]
    assert run.seconds_so_far == 3.0


def test_a_phase_ends_with_the_next(qapp, folder):
    run = LiveRun(folder)
    run.apply([started(BEGAN), Phase("engine", "E", time=BEGAN), Phase("model", "M", time=BEGAN + 2.5)])
    assert [(phase.name, phase.seconds) for phase in run.phases] == [("engine", 2.5), ("model", None)]


def test_going_on_from_a_checkpoint_drops_later_steps_and_the_time_between(qapp, folder):
    run = LiveRun(folder)
    run.apply([started(BEGAN), step(1, BEGAN + 1), step(2, BEGAN + 2), Failed("Gone.", "", time=BEGAN + 3)])
    run.apply([started(BEGAN + 503, resumed_from=1), step(2, BEGAN + 504)])

    assert [found.step for found in run.steps] == [1, 2]
    assert run.failure is None
    assert run.seconds_so_far == 4.0  # three seconds before the failure, one after; not the 500 between


def test_steps_that_are_learned_again_replace_the_earlier_ones(qapp, folder):
    run = LiveRun(folder)
    run.apply([started(BEGAN), step(1, BEGAN + 1), step(2, BEGAN + 2), step(3, BEGAN + 3)])
    run.apply([started(BEGAN + 4, resumed_from=3), step(2, BEGAN + 5)])  # step 3's was damaged
    assert [(found.step, found.time) for found in run.steps] == [(1, BEGAN + 1), (2, BEGAN + 5)]


def test_the_history_of_a_resumed_run_is_no_news(qapp, folder):
    run = LiveRun(folder, is_replay=True, awaits_start=True)
    heard = ends_of(run)
    run.apply([started(BEGAN), step(1, BEGAN + 1), Failed("Gone.", "", time=BEGAN + 2)])
    assert (run.status, run.failure, heard) == ("starting", None, [])

    now = time.time() + 1
    run.apply([started(now, resumed_from=1), Failed("Again.", "", time=now + 1)])
    assert (run.status, heard) == ("failed", ["failed"])


def test_an_ended_run_that_is_shown_again_announces_nothing(qapp, folder):
    run = LiveRun(folder, is_replay=True)
    heard = ends_of(run)
    run.apply([started(BEGAN), step(1, BEGAN + 1), Finished("done", 2.0, time=BEGAN + 2)])
    assert (run.status, heard) == ("done", [])


def routing(number, at, weight=0.01):
    return Routing(number, ((0.5, 0.5),), 1.0, 1.0, 1.0, 0.5, 2.0, 2.0, (), weight, (1.0,), time=at)


def test_what_is_told_of_experts_is_kept_and_passed_on(qapp, folder):
    run = LiveRun(folder)
    heard = []
    run.routed.connect(lambda event: heard.append(event.step))
    run.apply(
        [started(BEGAN), routing(1, BEGAN + 1), step(1, BEGAN + 1), routing(2, BEGAN + 2), step(2, BEGAN + 2)]
    )
    assert heard == [1, 2]
    assert [event.step for event in run.routing] == [1, 2]


def test_going_on_from_a_checkpoint_drops_later_routing_and_a_later_change(qapp, folder):
    run = LiveRun(folder)
    run.apply([started(BEGAN), *(routing(number, BEGAN + number) for number in (1, 2, 3))])
    run.apply([Changed(3, "balance", 0.5, time=BEGAN + 3), routing(4, BEGAN + 4, weight=0.5)])
    assert run.balance_weight == 0.5
    run.apply([started(BEGAN + 10, resumed_from=2)])
    assert [event.step for event in run.routing] == [1, 2]
    assert run.balance_weight == 0.01  # as the checkpoint has it
    assert run.balance_changed is None
    run.apply([routing(3, BEGAN + 11), step(3, BEGAN + 11)])
    assert [event.step for event in run.routing] == [1, 2, 3]


def test_a_change_before_the_checkpoint_stays(qapp, folder):
    run = LiveRun(folder)
    run.apply([started(BEGAN), Changed(1, "balance", 0.5, time=BEGAN), routing(2, BEGAN + 2, weight=0.5)])
    run.apply([started(BEGAN + 10, resumed_from=2)])
    assert run.balance_weight == 0.5
    assert run.balance_changed is not None


def test_steps_that_are_learned_again_replace_their_routing(qapp, folder):
    run = LiveRun(folder)
    run.apply([started(BEGAN), *(routing(number, BEGAN) for number in (1, 2, 3))])
    run.apply(
        [started(BEGAN + 9, resumed_from=3), routing(2, BEGAN + 9), step(2, BEGAN + 9)]
    )  # a damaged checkpoint
    assert [event.step for event in run.routing] == [1, 2]


def test_balance_is_the_jobs_until_something_else_is_told(qapp, tmp_path):
    write_task(job_from_values({"moe": {"kind": "lora-experts", "balance": 0.03}}), tmp_path / "job.toml")
    write_record(tmp_path, RunRecord(name="a run"))
    run = LiveRun(tmp_path)
    assert run.has_experts
    assert run.balance_weight == 0.03
    run.apply([started(BEGAN), Changed(0, "learning_rate", 0.5, time=BEGAN)])
    assert run.balance_weight == 0.03


def test_a_dense_run_has_no_experts(qapp, folder):
    assert not LiveRun(folder).has_experts
