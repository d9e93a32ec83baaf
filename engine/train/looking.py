"""Looking at the model while it learns: the rows kept back, and answers to watched prompts."""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import torch

from engine.job.channel import Desk
from engine.job.errors import DataError
from engine.job.events import Remark, Sampled
from engine.methods.loss import Totals, add_up
from engine.models.adapters import adapter_off
from engine.models.generate import answer_ends, evaluating, generate
from engine.train.batches import Example
from engine.train.forward import Policy
from engine.train.memory import RowsAtATime
from engine.train.objective import Objective

_SAMPLE_SEED = 42


class Checker:
    """Measures the loss on the rows kept back."""

    def __init__(
        self, policy: Policy, objective: Objective, rows: Sequence[Example], rows_at_a_time: RowsAtATime
    ) -> None:
        self.rows = rows
        self._policy, self._objective, self._rows_at_a_time = policy, objective, rows_at_a_time

    def check(self, stopped: Callable[[], bool]) -> Totals | None:
        """Mean loss and metrics over all rows kept back; None when there are none, or a stop was heard."""
        if not self.rows:
            return None

        def look(size: int) -> Totals | None:
            losses = []
            loss_of = self._objective.over(self.rows, size)
            for batch in self._policy.batches(self.rows, size):
                if stopped():
                    return None
                losses.append(loss_of(batch))
            return add_up(losses)

        with evaluating(self._policy.model), torch.no_grad():
            return self._rows_at_a_time.fitting(look)


class Sampler:
    """Answers watched prompts, always with the same seed, so that only the weights change.

    `can_go_back`: with its adapter switched off the model answers as before the first update. Then the untrained
    answers, which take seconds each on a processor, need not keep the first update waiting.
    """

    def __init__(
        self,
        *,
        model: Any,  # Any: transformers' models and tokenizers share no typed interface
        tokenizer: Any,
        prompts: Sequence[str],
        tokens: int,
        can_go_back: bool,
        desk: Desk,
    ) -> None:
        self.can_go_back = can_go_back
        self._model, self._tokenizer = model, tokenizer
        self._prompts, self._tokens, self._desk = tuple(prompts), tokens, desk
        self._refused: set[str] = set()

    def sample(self, step: int, stopped: Callable[[], bool], prompt: str = "") -> None:
        """Tell the answer to every watched prompt, or to this one. A prompt that cannot be asked is told once.

        At step 0 it is that of the untrained model.
        """
        is_untrained = step == 0 and self.can_go_back
        with adapter_off(self._model) if is_untrained else contextlib.nullcontext():
            self._answer(step, stopped, prompt)

    def _answer(self, step: int, stopped: Callable[[], bool], prompt: str) -> None:
        for text in [prompt] if prompt else self._prompts:
            if stopped():
                return
            try:
                answer = generate(
                    self._model,
                    self._tokenizer,
                    text,
                    seed=_SAMPLE_SEED,
                    temperature=0.0,
                    max_new_tokens=self._tokens,
                    end_ids=answer_ends(self._model, self._tokenizer),
                    stopped=stopped,
                )
            except DataError as error:
                if text not in self._refused:
                    self._desk.tell(
                        Remark("warn", f"A watched prompt cannot be asked. {error.title}", error.advice, step)
                    )
                    self._refused.add(text)
                continue
            self._desk.tell(Sampled(step, text, answer.text))
