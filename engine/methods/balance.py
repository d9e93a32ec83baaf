"""What keeps a router's experts in use: the balance loss and the z-loss of one layer, and figures of its choices."""

from dataclasses import dataclass

import torch
from torch import Tensor

from engine.methods.logprobs import exact


@dataclass(frozen=True)
class Choices:
    """What a layer's router chose, without gradient.

    `counts` (E,): how often each expert was among a token's K; they sum to N K. Sums over the N tokens: `entropy` of
    the router's probabilities over log E, and `top` of the highest probability.
    """

    counts: Tensor
    entropy: Tensor
    top: Tensor
    tokens: int


def balance_loss(scores: Tensor, top_k: int) -> Tensor:
    """E * sum_i f_i P_i for one layer's scores (N, E): Fedus et al. 2022 (Switch), equation 4, for top-k.

    f_i is the share of the tokens whose K experts include i (so they sum to K, and the loss of even use is K; Switch
    has K = 1), P_i the mean probability of i. f carries no gradient. Without tokens it is K. transformers multiplies
    f and P pooled over all layers, where a layer that always picks one expert can hide behind the others: here every
    layer has its own loss.
    """
    scores = exact(scores)
    if not len(scores):
        return scores.sum() + top_k
    probabilities = torch.softmax(scores, dim=-1)
    share = _counts(scores, top_k) / len(scores)
    return scores.shape[1] * (share * probabilities.mean(dim=0)).sum()


def z_loss(scores: Tensor) -> Tensor:
    """Mean squared logsumexp of one layer's scores (N, E): Zoph et al. 2022 (ST-MoE), equation 5."""
    scores = exact(scores)
    return scores.logsumexp(dim=-1).square().mean() if len(scores) else scores.sum()


def choices_of(scores: Tensor, top_k: int) -> Choices:
    """What was chosen by one layer's scores (N, E)."""
    scores = exact(scores.detach())
    logs = torch.log_softmax(scores, dim=-1)
    probabilities = logs.exp()
    entropy = -(probabilities * logs).sum(dim=-1).sum() / torch.tensor(float(scores.shape[1])).log()
    top = probabilities.max(dim=-1).values.sum() if len(scores) else scores.sum()
    return Choices(_counts(scores, top_k), entropy, top, len(scores))


def _counts(scores: Tensor, top_k: int) -> Tensor:
    """(E,): how often each expert is among the K highest."""
    chosen = scores.detach().topk(top_k, dim=-1).indices
    return torch.zeros_like(scores.detach()).scatter(1, chosen, 1.0).sum(dim=0)
