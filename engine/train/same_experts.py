"""A model of experts looked at in two ways: each token goes to the same experts in both.

Where two experts are as likely, rounding alone decides between them, and the numbers of both ways then say nothing
about either. So what a token's routers choose first holds whenever it comes again behind the same text: in a row of
its own, padded, packed, or read once for both answers of a pair. The experts' weights are each way's own, and follow
its own scores: a way that gives the routers other numbers is found out by them.
"""

import contextlib
from functools import partial
from typing import Any

import torch
from torch import Tensor

from engine.models.routing import routers_of, sending
from engine.train.batches import Batch

Key = int | None  # what stands for a token with all that is before it; None for padding


class SameExperts:
    """What the routers of `model` chose first for each token; without experts nothing."""

    def __init__(self, model: Any) -> None:  # Any: PeftModel or a transformers model
        self._model = model
        self._first: list[dict[int, list[int]]] = [{} for _ in routers_of(model)]

    def over(self, batch: Batch) -> contextlib.AbstractContextManager[None]:
        """Within it the batch, which is given as it was before it went to a device, goes where it went first."""
        if not self._first:
            return contextlib.nullcontext()
        return sending(self._model, partial(self._choose, keys_of(batch)))

    def _choose(self, keys: list[list[Key]], layer: int, chosen: Tensor) -> Tensor:
        """The experts (N, K) for what a layer's router chose; positions before the text, if any, go where they want."""
        before = len(chosen) // len(keys) - len(keys[0])
        flat = [key for row in keys for key in [*[None] * before, *row]]
        first = self._first[layer]
        pairs = zip(flat, chosen.tolist(), strict=True)
        given = [own if key is None else first.setdefault(key, own) for key, own in pairs]
        return torch.tensor(given, device=chosen.device)


def keys_of(batch: Batch) -> list[list[Key]]:
    """For each of the batch's R rows its T tokens' keys: equal where all tokens up to there are."""
    ids = batch.ids.tolist()
    keys: list[list[Key]] = [[None] * len(row) for row in ids]
    is_packed = batch.mask is not None and batch.mask.dim() == 4
    shared = batch.mask[0, 0, :, 1:].tolist() if is_packed and batch.mask is not None else []
    for number, (row, start, stop) in enumerate(batch.spans):
        begin, count = shared[number] if is_packed else (0, 0)
        key = keys[row][begin + count - 1] if count else None
        for place in range(start, stop):
            key = hash((key, ids[row][place]))
            keys[row][place] = key
    return keys
