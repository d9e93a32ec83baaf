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
    """Within it the word vectors (B, T, D) carry noise drawn evenly from +-alpha / sqrt(L D), equation 1.

    L is each row's own number of tokens; TRL takes the padded width, so that noise there depends on which rows
    stand together. A row's noise follows from torch's seed and the row alone, not from the batch it is in.
    """

    def add(module: torch.nn.Module, inputs: tuple[Tensor, ...], vectors: Tensor) -> Tensor:
        return vectors + noise_for(batch, vectors, alpha)

    hook = model.get_input_embeddings().register_forward_hook(add)
    try:
        yield
    finally:
        hook.remove()


def noise_for(batch: Batch, vectors: Tensor, alpha: float) -> Tensor:
    """The noise (B, T, D) for the word vectors of a batch; none on padding."""
    noise = torch.zeros_like(vectors)
    lengths = [vectors.shape[1]] * len(vectors) if batch.mask is None else batch.mask.sum(dim=1).tolist()
    generator = torch.Generator(vectors.device)
    parts = len(vectors) // len(batch.examples)
    for row, length in enumerate(lengths):
        side, place = divmod(row, len(batch.examples))
        number = batch.examples[place] * parts + side
        generator.manual_seed((torch.initial_seed() * _PRIME + number) % 2**63)
        drawn = torch.rand(length, vectors.shape[2], generator=generator, device=vectors.device)
        scale = alpha / (length * vectors.shape[2]) ** 0.5
        noise[row, :length] = ((2 * drawn - 1) * scale).to(vectors.dtype)
    return noise
