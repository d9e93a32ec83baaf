"""Pairs of answers with chosen log-probabilities, for the tests of losses."""

import math

import torch

from engine.job.methods import METHODS
from engine.methods.pairs import PairLogps


def pairs(chosen, rejected, lengths=(2.0, 4.0), dtype=torch.float32):
    """Pairs whose answers have `lengths` tokens, all pairs alike."""
    values = [torch.tensor(side, dtype=dtype) for side in (chosen, rejected)]
    tokens = [torch.full_like(values[0], length) for length in lengths]
    return PairLogps(*values, *tokens)


def random_pairs(count=6, seed=0, dtype=torch.float64):
    """Log-probabilities as answers of 2 to 9 tokens have them."""
    generator = torch.Generator().manual_seed(seed)
    tokens = torch.randint(2, 10, (2, count), generator=generator).to(dtype)
    sums = -2.5 * tokens * torch.rand(2, count, generator=generator, dtype=dtype) - 0.1
    return PairLogps(*sums, *tokens)


def settings_of(kind, **changes):
    """The card's settings, with changes."""
    return METHODS[kind].settings(**changes)


def sigmoid(x):
    return 1 / (1 + math.exp(-x))


def log_sigmoid(x):
    return math.log(sigmoid(x))
