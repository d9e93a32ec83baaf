"""How a model answers a handful of prompts, greedily: what an export is held against."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from engine.job.errors import InputError
from engine.models.generate import Prompt, encode_prompt, evaluating, generate
from engine.use.open import Opened


@dataclass(frozen=True)
class Trial:
    """Greedy answers to `prompts`; `prompt_ids` as the model was asked, `logits` `(V,)` of each first token."""

    prompts: list[Prompt]
    prompt_ids: list[list[int]]
    texts: list[str]
    ended: list[bool]
    logits: list[torch.Tensor]


def try_out(
    opened: Opened,
    prompts: Sequence[Prompt],
    max_new_tokens: int,
    seconds: float,
    stopped: Callable[[], None],
) -> Trial:
    """Answer greedily; no further prompt is begun after `seconds`, nor one that the model cannot take.

    `stopped` is called before every token and may raise to end it all.
    """

    def is_stopped() -> bool:
        stopped()
        return False

    found = Trial([], [], [], [], [])
    deadline = time.monotonic() + seconds
    for prompt in prompts:
        if found.texts and time.monotonic() > deadline:
            break
        try:
            ids = encode_prompt(opened.tokenizer, prompt)
            answer = generate(
                opened.model,
                opened.tokenizer,
                prompt,
                seed=0,
                temperature=0.0,
                max_new_tokens=max_new_tokens,
                end_ids=opened.end_ids,
                stopped=is_stopped,
            )
        except InputError:  # too long for the model, or refused by its template
            continue
        found.prompts.append(prompt)
        found.prompt_ids.append(ids)
        found.texts.append(answer.text)
        found.ended.append(answer.ended)
        found.logits.append(_first_logits(opened, ids))
    return found


def _first_logits(opened: Opened, ids: list[int]) -> torch.Tensor:
    asked = torch.tensor([ids], device=opened.loaded.device)
    with evaluating(opened.model), torch.no_grad():
        logits: torch.Tensor = opened.model(input_ids=asked, logits_to_keep=1).logits[0, -1]
    return logits.float().cpu()
