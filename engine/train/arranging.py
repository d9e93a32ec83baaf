"""How a run's rows are put together: one after another where the model proves that it keeps them apart, else padded."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from engine.job.channel import Desk
from engine.job.events import Remark
from engine.library.speed import pays_to_pack
from engine.models.encoded import Encoded
from engine.models.generate import evaluating
from engine.models.segments import leave_segments, take_segments
from engine.train.batches import Batch, Example, collate, pack
from engine.train.forward import Policy

_LOOKED_AT = 8  # rows among which the two shortest texts are found
_LONGEST = 64  # tokens of each that are compared

# Log-probabilities of a token, in nats: what rounding alone may change, on average over the tokens looked at. Measured:
# nothing to a few units of the last place; texts that see each other differed by 0.4 and more, untrained models' too.
_TOLERANCE = {torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.05}


def arranged(asked: str, policy: Policy, examples: Sequence[Example], desk: Desk) -> Policy:
    """The policy with the way its rows go together, as `[rows] packing` asks.

    Before a packed run two short texts go through the model alone, as it came, and one after another. Where that gives
    other numbers, or the model cannot, rows are padded; a person is told unless that is the ordinary way.
    """
    if asked == "off":
        return replace(policy, way="given")
    padded = replace(policy, way="grouped")
    if not pays_to_pack(asked, policy.device):
        return padded
    texts = _two_short(examples)
    if len(texts) < 2:
        return padded
    alone = [_scores(policy, collate([text])) for text in texts]
    if not take_segments(policy.model):
        if asked == "on":
            title = "Rows are padded: what is trained here cannot take them one after another."
            desk.tell(Remark("info", title, "The result is the same. Nothing to do."))
        return padded
    together = _scores(policy, pack(texts))
    if (together - torch.cat(alone)).abs().mean().item() <= _tolerance(policy):
        return replace(policy, way="packed")
    leave_segments(policy.model)
    title = "Rows are padded: one after another this model gave them other numbers than alone."
    desk.tell(Remark("info", title, "The result is right, it only takes longer. Nothing to do."))
    return padded


def _two_short(examples: Sequence[Example]) -> list[Example]:
    """Beginnings of the two shortest texts among the first examples, learned as a whole."""
    first = (examples[at] for at in range(min(_LOOKED_AT, len(examples))))
    parts = sorted(
        (part for row in first for part in row.parts if len(part.ids) > 1), key=lambda p: len(p.ids)
    )
    return [_whole(at, part) for at, part in enumerate(parts[:2])]


def _whole(at: int, part: Encoded) -> Example:
    ids = part.ids[:_LONGEST]
    return Example(at, part.number, (Encoded(part.number, ids, [True] * len(ids), 0),))


def _scores(policy: Policy, batch: Batch) -> Tensor:
    with evaluating(policy.model), torch.no_grad():
        return policy.score(batch.to(policy.device)).target


def _tolerance(policy: Policy) -> float:
    return _TOLERANCE[policy.autocast or policy.model.get_input_embeddings().weight.dtype]
