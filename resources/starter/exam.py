"""Asks a model the world's questions and counts right answers; used by the build script and by the tests."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import torch
from transformers import PreTrainedTokenizerBase

from resources.starter.facts import Fact, all_facts

Pair = tuple[Fact, str]
Model = Any  # transformers' annotations refuse generate() on the very classes that have it


def held_out_pairs() -> list[Pair]:
    """One (fact, question) pair for each fact, none of which the corpus contains."""
    return [(fact, fact.held_out) for fact in all_facts()]


def trained_pairs(seed: int) -> list[Pair]:
    """One (fact, question) pair for each fact, drawn from those the corpus contains."""
    rng = random.Random(seed)
    return [(fact, rng.choice(fact.trained_questions)) for fact in all_facts()]


def wrong_answers(
    model: Model, tokenizer: PreTrainedTokenizerBase, pairs: Sequence[Pair]
) -> list[tuple[str, str]]:
    """The (question, greedy answer) of every pair that the model gets wrong or does not end."""
    given = answers(model, tokenizer, [question for _, question in pairs])
    right = [fact.is_answered_by(text) for (fact, _), text in zip(pairs, given, strict=True)]
    return [(pair[1], text) for pair, text, ok in zip(pairs, given, right, strict=True) if not ok]


@torch.inference_mode()
def answers(
    model: Model,
    tokenizer: PreTrainedTokenizerBase,
    questions: Sequence[str],
    new_tokens: int = 64,
    batch_size: int = 64,
) -> list[str]:
    """The greedy answers, in the order of the questions; an answer that never ends becomes an empty text."""
    tokenizer.padding_side = "left"
    found: list[str] = []
    for start in range(0, len(questions), batch_size):
        asked = questions[start : start + batch_size]
        prompts = [_prompt(tokenizer, question) for question in asked]
        batch = tokenizer(prompts, return_tensors="pt", padding=True, add_special_tokens=False)
        output = model.generate(**batch, max_new_tokens=new_tokens, do_sample=False)
        for row in output[:, batch["input_ids"].shape[1] :]:
            ended = bool((row == tokenizer.eos_token_id).any())
            found.append(str(tokenizer.decode(row, skip_special_tokens=True)) if ended else "")
    return found


def _prompt(tokenizer: PreTrainedTokenizerBase, question: str) -> str:
    chat = [{"role": "user", "content": question}]
    return str(tokenizer.apply_chat_template(chat, tokenize=False, add_generation_prompt=True))
