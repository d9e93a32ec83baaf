"""A batch through the model: log-probabilities of the scored tokens, and nothing computed for the others."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from engine.methods.feedback import AnswerLogps
from engine.methods.logprobs import TokenLogps, sum_by_row, token_logps
from engine.methods.pairs import PairLogps
from engine.models.head import Head
from engine.models.lean_last import LastLayer
from engine.train.batches import Batch, Example, Way, micro_batches
from engine.train.examples import blocks
from engine.train.noise import noisy


@dataclass(frozen=True)
class Policy:
    """The model that learns. `autocast` is the narrow dtype its float32 weights compute in, None for none.

    `noise` is NEFTune's alpha, for training forward passes alone. `way` is how its batches are put together. With a
    `head` the logits are never made; without one the model's own makes them at the scored positions. With a `last` layer
    known, that computes for those positions, too. `paths` are the names of the fast paths that are taken.
    """

    model: Any  # Any: a transformers model or a PeftModel
    device: str
    autocast: torch.dtype | None = None
    noise: float = 0.0
    way: Way = "grouped"
    head: Head | None = None
    last: LastLayer | None = None
    paths: tuple[str, ...] = ()

    def batches(self, examples: Sequence[Example], size: int) -> Iterator[Batch]:
        """The examples for this model, in as much memory as `size` of them, padded, take at most."""
        for block in blocks(examples, size):
            for batch in micro_batches(block, size, self.way):
                yield batch.to(self.device)

    def score(self, batch: Batch, average: bool = False) -> TokenLogps:
        """Log-probabilities of the batch's N targets; their mean over the vocabulary where it is asked for."""
        with self._numbers(), self._noisy(batch), self._narrowed(batch):
            if self.head is not None:
                hidden = scored_hidden(self.model, batch)
                return TokenLogps(*self.head.logps(hidden, batch.targets, average))
            logits = scored_logits(self.model, batch)
        return token_logps(logits, batch.targets, average)

    def score_pairs(self, batch: Batch) -> PairLogps:
        """Log-probabilities of chosen and rejected answers, summed over their tokens."""
        logps = self.score(batch).target
        sums = sum_by_row(logps, batch.rows, batch.count)
        tokens = sum_by_row(torch.ones_like(logps), batch.rows, batch.count)
        shared = sum_by_row(logps * _is_shared(batch, tokens), batch.rows, batch.count)
        return PairLogps(*sums.chunk(2), *tokens.chunk(2), *shared.chunk(2))

    def score_answers(self, batch: Batch) -> AnswerLogps:
        """Log-probabilities of single answers, summed over their tokens."""
        logps = self.score(batch).target
        sums = sum_by_row(logps, batch.rows, batch.count)
        return AnswerLogps(sums, sum_by_row(torch.ones_like(logps), batch.rows, batch.count))

    def _noisy(self, batch: Batch) -> contextlib.AbstractContextManager[object]:
        is_wanted = self.noise > 0 and self.model.training
        return noisy(self.model, batch, self.noise) if is_wanted else contextlib.nullcontext()

    def _narrowed(self, batch: Batch) -> contextlib.AbstractContextManager[None]:
        if self.last is None:
            return contextlib.nullcontext()
        return self.last.over(batch.scored, (batch.ids.shape[0], batch.ids.shape[1]))

    def _numbers(self) -> contextlib.AbstractContextManager[object]:
        if self.autocast is None:
            return contextlib.nullcontext()
        return torch.autocast(self.device, dtype=self.autocast)


def _is_shared(batch: Batch, tokens: Tensor) -> Tensor:
    """1 for each of the N scored tokens that stands within the length of its pair's shorter answer, else 0.

    `tokens` (B,): scored tokens of each row.
    """
    first = tokens.cumsum(0) - tokens  # scored tokens come sequence by sequence
    place = torch.arange(len(batch.rows), device=tokens.device) - first[batch.rows]
    shorter = torch.minimum(*tokens.chunk(2)).repeat(2)
    return (place < shorter[batch.rows]).to(tokens.dtype)


def scored_logits(model: Any, batch: Batch) -> Tensor:  # Any: see Policy
    """Logits (N, V) at the scored positions alone, whatever the model does after its head (soft-capping...)."""
    logits: Tensor = _through(model, batch, lambda hidden: hidden).logits[0]
    return logits


def scored_hidden(model: Any, batch: Batch) -> Tensor:  # Any: see Policy
    """What the head would get at the scored positions, (N, D). The model's own head is given none of them."""
    taken: list[Tensor] = []

    def take(hidden: Tensor) -> Tensor:
        taken.append(hidden)
        return hidden[:0]

    _through(model, batch, take)
    return taken[0]


def _through(model: Any, batch: Batch, handed: Callable[[Tensor], Tensor]) -> Any:  # Any: see Policy
    """The batch through the model, whose head gets what `handed` makes of the hidden states (N, D) to be scored.

    The head's input is narrowed to those positions on its way in; all that follows works token by token.
    """
    width = batch.ids.shape[1]
    places = {} if batch.places is None else {"position_ids": batch.places}

    def narrow(module: torch.nn.Module, inputs: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        hidden = inputs[0][:, -width:]  # methods that put virtual tokens before the text make it longer
        return (handed(hidden.flatten(0, 1)[batch.positions]).unsqueeze(0), *inputs[1:])

    hook = model.get_output_embeddings().register_forward_pre_hook(narrow)
    try:
        return model(input_ids=batch.ids, attention_mask=batch.mask, use_cache=False, **places)
    finally:
        hook.remove()
