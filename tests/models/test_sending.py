import dataclasses
from types import SimpleNamespace

import torch

from engine.models.sending import fetched, sent
from engine.train.batches import collate
from tests.train.tiny_runs import example


def test_a_graphics_card_fetches_from_memory_that_stays_in_place(monkeypatch):
    calls = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda tensor: calls.append("pinned") or tensor)
    to = lambda tensor, device, non_blocking=False: calls.append((device, non_blocking)) or tensor  # noqa: E731
    monkeypatch.setattr(torch.Tensor, "to", to)
    sent(torch.ones(2), "cuda:0")
    assert calls == ["pinned", ("cuda:0", True)]
    calls.clear()
    sent(torch.ones(2), "mps")  # may not be given memory that is let go of while it still reads
    assert calls == [("mps", False)]


def test_a_batch_is_sent_whole():
    batch = collate([example(0, 5), example(1, 9)])
    there = batch.to("meta")
    for part in dataclasses.fields(batch):
        before, after = getattr(batch, part.name), getattr(there, part.name)
        if isinstance(before, torch.Tensor):
            assert (after.device.type, after.shape) == ("meta", before.shape)
        else:
            assert after == before


def test_numbers_come_back_into_memory_that_stays_in_place(monkeypatch):
    assert fetched(torch.ones(2, requires_grad=True)).requires_grad is False
    made, empty = [], torch.empty

    def noted(shape, dtype, pin_memory):
        made.append(pin_memory)
        return empty(shape, dtype=dtype)

    monkeypatch.setattr(torch, "empty", noted)
    on_card = SimpleNamespace(is_cuda=True, shape=(2,), dtype=torch.float32, detach=lambda: torch.ones(2))
    assert fetched(on_card).tolist() == [1, 1]
    assert made == [True]
