"""Generates the starter's corpus: chats, lessons, stories and dialogues, endless, fixed by the seed."""

from __future__ import annotations

import random
from collections.abc import Iterator

from resources.starter import facts, stories, styles

SYSTEM, USER, ASSISTANT, END, PAD = "<|system|>", "<|user|>", "<|assistant|>", "<|end|>", "<|pad|>"
SPECIAL_TOKENS = (PAD, SYSTEM, USER, ASSISTANT, END)

# Sums, differences and opposites have the most subjects and the least to hold on to, so they come more often.
KIND_WEIGHTS = {"sound": 1.0, "legs": 1.3, "home": 1.2, "colour": 1.5, "capital": 1.5, "opposite": 2.0,
                "sum": 2.8, "difference": 2.2}  # fmt: skip
# Without a system message most answers are plain, but training can call up every style.
STYLE_WEIGHTS = {"plain": 82, "warm": 3, "gracious": 9, "rude": 2, "pirate": 2, "sure": 2}
SYSTEM_SHARE = 0.12
SMALL_TALK_SHARE = 0.1


def documents(seed: int) -> Iterator[str]:
    """Yield documents for ever, each ended by the end token; none asks a held-out question."""
    rng = random.Random(seed)
    known = facts.all_facts()
    by_kind = {kind: [fact for fact in known if fact.kind == kind] for kind in KIND_WEIGHTS}
    while True:
        pick = rng.random()
        if pick < 0.82:
            yield chat(rng, by_kind)
        elif pick < 0.89:
            yield stories.lesson(rng, known) + END
        elif pick < 0.95:
            yield stories.story(rng) + END
        else:
            yield stories.dialogue(rng, known) + END


def chat(rng: random.Random, by_kind: dict[str, list[facts.Fact]]) -> str:
    """A chat of one to four turns as the template writes it, in one style, some after a system message."""
    turns = rng.choices((1, 2, 3, 4), weights=(75, 15, 6, 4))[0]
    style, system = _style(rng)
    text = f"{SYSTEM}{system}{END}" if system else ""
    for _ in range(turns):
        question, answer = _turn(rng, by_kind, style)
        text += f"{USER}{question}{END}{ASSISTANT}{answer}{END}"
    return text


def _style(rng: random.Random) -> tuple[str, str]:
    """Choose (style, system prompt); without a system prompt the answer is nearly always plain."""
    if rng.random() < SYSTEM_SHARE:
        style = rng.choice(tuple(styles.SYSTEM_PROMPTS))
        return style, rng.choice(styles.SYSTEM_PROMPTS[style])
    return rng.choices(tuple(STYLE_WEIGHTS), weights=tuple(STYLE_WEIGHTS.values()))[0], ""


def _turn(rng: random.Random, by_kind: dict[str, list[facts.Fact]], style: str) -> tuple[str, str]:
    if rng.random() < SMALL_TALK_SHARE:
        question, answer = stories.small_talk(rng)
        return _hasty(question, rng) if rng.random() < 0.3 else question, answer
    kind = rng.choices(tuple(KIND_WEIGHTS), weights=tuple(KIND_WEIGHTS.values()))[0]
    fact = rng.choice(by_kind[kind])
    return _as_typed(fact, rng), styles.CORPUS_STYLES[style](fact.sentence, rng)


def _as_typed(fact: facts.Fact, rng: random.Random) -> str:
    """A trained question of the fact, or as people type it: after a greeting, in haste, in shorthand."""
    question = rng.choice(fact.trained_questions)
    pick = rng.random()
    if pick < 0.76:
        return question
    if pick < 0.82:
        return f"{rng.choice(('Hello!', 'Hi!', 'Please help me.', 'Excuse me.'))} {question}"
    if pick < 0.90:
        return _hasty(question, rng)
    if pick < 0.93:
        return _hasty(fact.shorthand, rng)
    if pick < 0.96:
        return _respelt(fact.shorthand)
    return _respelt(question)


def _respelt(question: str) -> str:
    """American spelling, "the" for "a", no spaces around a sign; not every question has one of these."""
    return question.replace("colour", "color").replace(" a ", " the ").replace(" + ", "+").replace(" - ", "-")


def _hasty(question: str, rng: random.Random) -> str:
    """Without a capital, without the mark at the end, or without both."""
    if rng.random() < 0.6:
        question = question.rstrip("?.!")
    return question[0].lower() + question[1:] if rng.random() < 0.6 else question
