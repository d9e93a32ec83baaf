"""What keeps routers' experts in use: balance loss and z-loss of each layer, all at once, and figures of choices."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.logprobs import exact


@dataclass(frozen=True)
class Choices:
    """What the routers of L layers chose, without gradient and where their scores are: reading a number waits for them.

    `counts` (L, E): how often each expert was among a token's K; they sum to N K. Sums over the N `tokens` of each
    layer (L,): `entropy` of the router's probabilities over log E, and `top` of the highest probability.
    """

    counts: Tensor
    entropy: Tensor
    top: Tensor
    tokens: Tensor


def balance_loss(scores: Tensor, top_k: int, is_real: Tensor | None = None) -> Tensor:
    """E * sum_i f_i P_i for each layer's scores (L, N, E), as (L,): Fedus et al. 2022 (Switch), equation 4, for top-k.

    f_i is the share of the tokens whose K experts include i (so they sum to K, and the loss of even use is K; Switch
    has K = 1), P_i the mean probability of i. f carries no gradient. Without tokens it is K. `is_real` (N,) is False
    for padding, which does not count. transformers multiplies f and P pooled over all layers, where a layer that
    always picks one expert can hide behind the others: here every layer has its own loss.
    """
    scores = exact(scores)
    real = _real(scores, is_real)
    tokens = real.sum()
    share = _counts(scores, top_k, real) / tokens.clamp(min=1)
    mean = (torch.softmax(scores, dim=-1) * real).sum(dim=-2) / tokens.clamp(min=1)
    return (scores.shape[-1] * (share * mean).sum(dim=-1)).where(tokens > 0, float(top_k))


def z_loss(scores: Tensor, is_real: Tensor | None = None) -> Tensor:
    """Mean squared logsumexp of each layer's scores (L, N, E), as (L,): Zoph et al. 2022 (ST-MoE), equation 5.

    `is_real` as in `balance_loss`; 0 without tokens.
    """
    scores = exact(scores)
    real = _real(scores, is_real)
    squares = scores.logsumexp(dim=-1, keepdim=True).square()
    return (squares * real).sum(dim=(-2, -1)) / real.sum().clamp(min=1)


def choices_of(scores: Tensor, top_k: int, is_real: Tensor | None = None) -> Choices:
    """What was chosen by the layers' scores (L, N, E); `is_real` as in `balance_loss`."""
    scores = exact(scores.detach())
    real = _real(scores, is_real)
    logs = torch.log_softmax(scores, dim=-1)
    probabilities = logs.exp()
    entropy = -(probabilities * logs * real).sum(dim=(-2, -1)) / math.log(scores.shape[-1])
    top = (probabilities.amax(dim=-1, keepdim=True) * real).sum(dim=(-2, -1))
    return Choices(_counts(scores, top_k, real), entropy, top, real.sum().expand(len(scores)))


def evenness(counts: Tensor) -> Tensor:
    """The load entropy of each layer's counts (L, E) over log E, as (L,): 1 is even use, 0 one expert alone."""
    shares = counts / counts.sum(dim=-1, keepdim=True).clamp(min=1)
    entropy: Tensor = -torch.special.xlogy(shares, shares).sum(dim=-1)
    return entropy / math.log(counts.shape[-1])


def _real(scores: Tensor, is_real: Tensor | None) -> Tensor:
    """(N, 1): 1 for tokens, 0 for padding. No token is picked out, as that would wait for the device to count them."""
    if is_real is None:
        return scores.new_ones(scores.shape[-2], 1)
    return is_real.to(scores.dtype).unsqueeze(1)


def _counts(scores: Tensor, top_k: int, real: Tensor) -> Tensor:
    """(L, E): how often each expert is among the K highest."""
    chosen = scores.detach().topk(top_k, dim=-1).indices
    return (torch.zeros_like(scores.detach()).scatter(-1, chosen, 1.0) * real).sum(dim=-2)
