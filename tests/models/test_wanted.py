import threading

import pytest
import torch
from torch.utils.checkpoint import checkpoint

from engine.models.wanted import Wanted, as_now, wanted_now, wanting

FIRST, SECOND = (Wanted(torch.tensor([row]), (1, 4), torch.nn.Identity()) for row in (1, 2))


def test_what_is_wanted_holds_within_and_no_longer_behind_an_error():
    assert wanted_now() is None

    def fails():
        with wanting(SECOND):
            assert wanted_now() is SECOND
            raise ValueError("inside")

    with wanting(FIRST):
        with pytest.raises(ValueError, match="inside"):
            fails()
        assert wanted_now() is FIRST
    assert wanted_now() is None


def test_it_may_be_entered_again_also_within_itself():
    again = wanting(FIRST)
    with again, wanting(None), again:
        assert wanted_now() is FIRST
    with again:
        assert wanted_now() is FIRST
    assert wanted_now() is None


def test_another_thread_is_asked_for_everything():
    seen = []
    with wanting(FIRST):
        thread = threading.Thread(target=lambda: seen.append(wanted_now()))
        thread.start()
        thread.join()
    assert seen == [None]


def test_what_is_computed_again_on_the_way_back_sees_what_was_wanted_every_time():
    seen, states = [], torch.ones(2, requires_grad=True)

    def square(states):
        seen.append(wanted_now())
        return states * states

    with wanting(FIRST):
        made = checkpoint(square, states, use_reentrant=False, context_fn=as_now)
    with wanting(SECOND):
        made.sum().backward(retain_graph=True)
        made.sum().backward()
    assert seen == [FIRST] * 3
