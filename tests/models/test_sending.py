import dataclasses

import torch

from engine.models.sending import sent
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
