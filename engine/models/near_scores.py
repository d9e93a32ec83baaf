"""Scores of words in bfloat16's time, as exact as float32's where a word has a chance worth counting.

A product of bfloat16 numbers is summed in float32 and rounded at the end, to one part in 256 of what comes out. So what
comes out is made small where it matters: each row's largest score so far is taken away before the rounding. A word as
likely as the likeliest one then has an error near nothing; one e^-4 as likely has 0.016 nats, and there are many such
words before they count, whose errors cancel.
"""

import torch
from torch import Tensor

_FEWEST = 64**3  # multiplications of the size that was tried out: small products may go other ways
_RISE = 1.0  # nats above what was taken away, from which on a row's scores are made in float32


class NearScores:
    """Scores of rows (N, D) of bfloat16 on a processor that rounds once (`engine.models.rounding`)."""

    def __init__(self, rows: Tensor) -> None:
        self._rows = rows
        self._largest: Tensor | None = None  # of each row so far, (N, 1), in bfloat16

    def of(self, tile: Tensor) -> Tensor:
        """The scores (N, W) in float32 of a tile's words (W, D)."""
        if self._largest is None or self._rows.numel() * len(tile) < _FEWEST:
            scores = self._wide(self._rows, tile)
            self._see(scores.amax(1, keepdim=True))
            return scores
        scores = torch.addmm(-self._largest, self._rows, tile.t()).float().add_(self._largest)
        highest = scores.amax(1, keepdim=True)  # in float32, which takes a third of bfloat16's time
        rising = (highest - self._largest > _RISE).squeeze(1).nonzero().squeeze(1)
        if len(rising):
            scores[rising] = self._wide(self._rows[rising], tile)
        self._see(highest)
        return scores

    def _see(self, largest: Tensor) -> None:
        """A tile's largest scores (N, 1)."""
        known = largest if self._largest is None else torch.maximum(largest, self._largest.float())
        self._largest = known.to(self._rows.dtype)

    @staticmethod
    def _wide(rows: Tensor, tile: Tensor) -> Tensor:
        return rows.float() @ tile.float().t()
