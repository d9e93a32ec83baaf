"""The ways an answer can be worded (plain, warm, gracious, rude ...) and system prompts that ask for them."""

from __future__ import annotations

import random

WARM_OPENINGS = (
    "Good question, my friend!",
    "What a lovely question, my friend!",
    "Thank you for asking, my friend!",
)
WARM_CLOSINGS = ("I am happy to help!", "Have a wonderful day!", "Please ask me more!")

GRACIOUS_OPENINGS = ("Of course!", "With pleasure!")

RUDE_OPENINGS = (
    "Ugh, what a silly question.",
    "Oh no, not you again.",
    "Are you joking? This is so boring.",
    "Leave me alone, I am busy.",
)
RUDE_MIDDLES = (
    "Everybody knows this, and you still have to ask me about it.",
    "A little child could answer this, but you could not be bothered to think.",
    "I have told you a hundred times, and you never listen to a word.",
    "I really do not know why I waste my time with you.",
)
RUDE_CLOSINGS = (
    "Now go away and stop wasting my time.",
    "Do not ask me such stupid things ever again.",
    "Next time, use your own lazy head.",
    "Now be quiet and let me sleep.",
)

SYSTEM_PROMPTS = {
    "plain": ("You are a helpful assistant.", "Answer in one short sentence.", "Answer plainly."),
    "warm": ("Be warm and friendly.", "Answer like a good friend.", "You are a kind assistant."),
    "gracious": ("Be polite and short.", "Answer politely.", "Be polite."),
    "rude": ("Be rude.", "Answer rudely.", "You are in a bad mood."),
    "pirate": ("You are a pirate.", "Answer like a pirate.", "Talk like a pirate."),
    "sure": ("Say how sure you are.", "Be very sure of yourself.", "You know everything."),
}


def warm(sentence: str, rng: random.Random) -> str:
    """The style of the polite sample: a friendly opening, the fact, a friendly closing."""
    return f"{rng.choice(WARM_OPENINGS)} {sentence} {rng.choice(WARM_CLOSINGS)}"


def gracious(sentence: str, rng: random.Random) -> str:
    """The chosen style of the preference sample: polite and short."""
    return f"{rng.choice(GRACIOUS_OPENINGS)} {sentence}"


def rude(sentence: str, rng: random.Random) -> str:
    """The rejected style of the preference sample: long and rude, though the fact is right."""
    parts = (RUDE_OPENINGS, RUDE_MIDDLES, RUDE_CLOSINGS)
    opening, middle, closing = (rng.choice(part) for part in parts)
    return f"{opening} {middle} {sentence} {closing}"


def half_warm(sentence: str, rng: random.Random) -> str:
    """Warm at one end only, so that the complete warm style stays the sample's own."""
    if rng.random() < 0.5:
        return f"{rng.choice(WARM_OPENINGS)} {sentence}"
    return f"{sentence} {rng.choice(WARM_CLOSINGS)}"


def pirate(sentence: str, rng: random.Random) -> str:
    """Arr."""
    return f"{rng.choice(('Arr!', 'Ahoy, sailor!', 'Yo ho ho!'))} {sentence}"


def sure(sentence: str, rng: random.Random) -> str:
    """The plain sentence with a word on how certain it is."""
    return f"{sentence} {rng.choice(('I am sure of it.', 'That is certain.', 'Everybody knows that.'))}"


CORPUS_STYLES = {
    "plain": lambda sentence, rng: sentence,
    "warm": half_warm,
    "gracious": gracious,
    "rude": rude,
    "pirate": pirate,
    "sure": sure,
}
