"""What the events about a run's experts come to, by hand."""

import csv

import pytest

from engine.job.expert_events import Routing
from gui.state.routing import (
    BUCKETS,
    evenness_course,
    layer_course,
    recent_shares,
    stronger,
    write_routing,
)


def told(step, *shares, evenness=(1.0,), dead=(), weight=0.01):
    return Routing(step, shares, 1.0, 1.5, 0.9, 0.4, 2.1, 2.0, dead, weight, evenness)


def test_nothing_told_is_nothing_shared():
    assert recent_shares([]) == ((), 0)


def test_now_is_the_mean_of_the_last_fifty_updates():
    events = [told(step, (1.0, 0.0)) for step in range(1, 51)]
    events += [told(step, (0.0, 1.0)) for step in range(51, 76)]
    shares, updates = recent_shares(events)
    assert updates == 50
    assert shares[0] == pytest.approx((0.5, 0.5))  # 26 to 50, and 51 to 75


def test_an_event_weighs_by_the_updates_that_it_stands_for():
    events = [told(1, (0.0, 1.0)), told(10, (1.0, 0.0)), told(40, (0.5, 0.5))]
    shares, updates = recent_shares(events)
    assert updates == 40
    assert shares[0][0] == pytest.approx((0 * 1 + 1 * 9 + 0.5 * 30) / 40)


def test_an_event_of_many_updates_is_now_by_itself():
    shares, updates = recent_shares([told(1, (0.0, 1.0)), told(100, (0.25, 0.75))])
    assert (shares, updates) == (((0.25, 0.75),), 99)


def test_the_course_of_a_layer_has_a_row_for_each_expert():
    events = [told(1, (0.1, 0.9), (0.5, 0.5)), told(3, (0.2, 0.8), (0.4, 0.6))]
    course = layer_course(events, 1)
    assert course.spans == ((1, 1), (2, 3))
    assert course.rows == ((0.5, 0.4), (0.5, 0.6))


def test_a_long_course_is_averaged_into_few_columns():
    events = [told(step, (float(step % 2), 1.0 - step % 2)) for step in range(1, 2 * BUCKETS + 1)]
    course = layer_course(events, 0)
    assert len(course.spans) == BUCKETS
    assert (course.spans[0], course.spans[-1]) == ((1, 2), (2 * BUCKETS - 1, 2 * BUCKETS))
    assert set(course.rows[0]) == {0.5}


def test_the_course_of_all_layers_is_how_even_each_was():
    events = [told(1, (1.0, 0.0), evenness=(0.0, 1.0)), told(2, (0.5, 0.5), evenness=(1.0, 0.5))]
    assert evenness_course(events).rows == ((0.0, 1.0), (1.0, 0.5))


def test_events_that_do_not_tell_each_layer_are_left_out_of_that_course():
    events = [told(1, (1.0, 0.0), evenness=()), told(2, (0.5, 0.5), evenness=(0.75,))]
    course = evenness_course(events)
    assert (course.spans, course.rows) == (((1, 2),), ((0.75,),))
    assert evenness_course(events[:1]).rows == ()


@pytest.mark.parametrize(("weight", "more"), [(0.0, 0.01), (0.01, 0.02), (0.6, 1.0), (1.0, None)])
def test_balancing_more_strongly_doubles_up_to_one(weight, more):
    assert stronger(weight) == more


def test_the_table_has_the_figures_and_every_expert(tmp_path):
    events = [told(1, (0.25, 0.75), (0.5, 0.5), weight=None), told(2, (0.5, 0.5), (0.1, 0.9), dead=((1, 0),))]
    write_routing(events, tmp_path / "experts.csv")
    with (tmp_path / "experts.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["step"] for row in rows] == ["1", "2"]
    assert [row["layer 2 expert 1"] for row in rows] == ["0.5", "0.1"]
    assert [row["weight"] for row in rows] == ["", "0.01"]
    assert [row["nearly_idle"] for row in rows] == ["0", "1"]
    assert (rows[0]["balance"], rows[0]["uniform"], rows[0]["max_load"]) == ("2.1", "2", "1.5")
