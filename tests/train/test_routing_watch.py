"""Which experts are nearly idle depends on how many there are."""

import pytest
import torch

from engine.job.channel import Desk, events_of
from engine.job.expert_events import Routing, idle_below
from engine.train.routing_watch import RoutingWatch
from tests.train.test_experts import choices
from tests.train.tiny_runs import told


def test_nearly_idle_is_a_percent_or_a_tenth_of_an_even_share():
    assert idle_below(2) == idle_below(8) == 0.01
    assert idle_below(128) == pytest.approx(0.1 / 128)


def test_of_very_many_experts_that_are_used_alike_none_is_idle(tmp_path):
    watch = RoutingWatch(Desk(tmp_path), 50, 8.0)
    counts = [100] * 127 + [5]
    for step in range(1, 51):
        watch.begin()
        watch.add(choices(counts), torch.tensor([8.0]))
        watch.corrected()
        watch.read(step, 0.01)
    last = told(events_of(tmp_path), Routing)[-1]
    assert last.dead == ((0, 127),)  # 5 of 12705 is half of a tenth of 1/128
    assert last.weight == 0.01
