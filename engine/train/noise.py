"""NEFTune: noise on the word vectors while learning, Jain et al. 2023."""

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from engine.train.batches import Batch

_PRIME = 1_000_003


@contextlib.contextmanager
def noisy(model: Any, batch: Batch, alpha: float) -> Iterator[None]:  # Any: see engine.train.forward.Policy
    """Within it the word vectors (R, T, D) carry noise drawn evenly from +-alpha / sqrt(L D), equation 1.

    L is each sequence's own number of tokens; TRL takes the padded width, so that noise there depends on which rows
    stand together. A sequence's noise follows from torch's seed and the sequence alone, not from the batch it is in.
    """

    def add(module: torch.nn.Module, inputs: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        return vectors + noise_for(batch, vectors, alpha)

    hook = model.get_input_embeddings().register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def noise_for(batch: Batch, vectors: Tensor, alpha: float) -> Tensor:
    """The noise (R, T, D) for the word vectors of a batch, each sequence's own; none on padding."""
    noise = torch.zeros_like(vectors)
    generator = torch.Generator(vectors.device)
    parts = batch.count // len(batch.examples)
    for at, (row, start, stop) in enumerate(batch.spans):
        side, place = divmod(at, len(batch.examples))
        number, length = batch.examples[place] * parts + side, stop - start
        generator.manual_seed((torch.initial_seed() * _PRIME + number) % 2**63)
        drawn = torch.rand(length, vectors.shape[2], generator=generator, device=vectors.device)
        scale = alpha / (length * vectors.shape[2]) ** 0.5
        noise[row, start:stop] = ((2 * drawn - 1) * scale).to(vectors.dtype)
    return noise
