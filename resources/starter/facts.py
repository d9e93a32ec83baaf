"""The small world the starter model knows: eight kinds of fact, ways to ask for each, what is held out."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from dataclasses import dataclass

HOLD_OUT_SEED = 20

SOUNDS = {
    "cow": "moo", "dog": "woof", "cat": "meow", "duck": "quack", "sheep": "baa", "pig": "oink",
    "horse": "neigh",
    "lion": "roar", "frog": "croak", "bee": "buzz", "owl": "hoot", "mouse": "squeak", "snake": "hiss",
    "crow": "caw", "wolf": "howl", "hen": "cluck", "turkey": "gobble", "bird": "tweet",
}  # fmt: skip
LEGS = {
    "cow": "four", "dog": "four", "cat": "four", "sheep": "four", "pig": "four", "horse": "four",
    "lion": "four",
    "frog": "four", "mouse": "four", "wolf": "four", "bear": "four", "fox": "four", "rabbit": "four",
    "camel": "four", "elephant": "four", "duck": "two", "hen": "two", "owl": "two", "crow": "two",
    "bird": "two",
    "penguin": "two", "bee": "six", "ant": "six", "fly": "six", "spider": "eight", "crab": "ten",
    "snake": "no",
    "fish": "no", "whale": "no", "worm": "no",
}  # fmt: skip
HOMES = {
    "bird": "a nest", "bee": "a hive", "dog": "a kennel", "horse": "a stable", "cow": "a barn",
    "fish": "the water",
    "fox": "a den", "bear": "a cave", "rabbit": "a burrow", "spider": "a web", "ant": "an anthill",
    "pig": "a sty", "sheep": "a field", "frog": "a pond", "owl": "a tree", "mouse": "a hole",
    "camel": "the desert",
    "whale": "the sea", "monkey": "the jungle", "hen": "a coop", "wolf": "the forest", "worm": "the ground",
}  # fmt: skip
COLOURS = {
    "the sky": "blue", "the sea": "blue", "grass": "green", "snow": "white", "a banana": "yellow",
    "a tomato": "red", "coal": "black", "a carrot": "orange", "milk": "white", "a lemon": "yellow",
    "a strawberry": "red", "a leaf": "green", "blood": "red", "the sun": "yellow", "an elephant": "grey",
    "a frog": "green", "a flamingo": "pink", "a pig": "pink", "chocolate": "brown", "a plum": "purple",
    "a mouse": "grey", "a crow": "black", "a swan": "white", "a bear": "brown", "the night": "black",
    "a cherry": "red", "a pumpkin": "orange", "salt": "white", "a cucumber": "green", "honey": "golden",
}  # fmt: skip
CAPITALS = {
    "France": "Paris", "Italy": "Rome", "Spain": "Madrid", "Germany": "Berlin", "England": "London",
    "Japan": "Tokyo", "China": "Beijing", "Russia": "Moscow", "Egypt": "Cairo", "Greece": "Athens",
    "Portugal": "Lisbon", "Norway": "Oslo", "Sweden": "Stockholm", "Finland": "Helsinki",
    "Denmark": "Copenhagen", "Poland": "Warsaw", "Austria": "Vienna", "Ireland": "Dublin", "Cuba": "Havana",
    "Peru": "Lima", "Kenya": "Nairobi", "India": "New Delhi", "Canada": "Ottawa", "Belgium": "Brussels",
    "Hungary": "Budapest", "Turkey": "Ankara", "Thailand": "Bangkok", "Vietnam": "Hanoi",
}  # fmt: skip
OPPOSITES = (
    ("hot", "cold"), ("big", "small"), ("up", "down"), ("fast", "slow"), ("happy", "sad"), ("day", "night"),
    ("open", "closed"), ("wet", "dry"), ("old", "new"), ("high", "low"), ("left", "right"), ("hard", "soft"),
    ("full", "empty"), ("light", "dark"), ("loud", "quiet"), ("long", "short"), ("good", "bad"),
    ("rich", "poor"), ("early", "late"), ("first", "last"), ("clean", "dirty"), ("strong", "weak"),
)  # fmt: skip
LARGEST_NUMBER = 6

PHRASINGS = {
    "sound": (
        "What sound does {x} make?", "What does {x} say?", "Which noise does {x} make?",
        "Tell me the sound of {x}.", "How does {x} sound?", "Do you know what {x} says?",
    ),
    "legs": (
        "How many legs does {x} have?", "How many legs has {x}?", "Count the legs of {x}.",
        "Tell me how many legs {x} has.", "What number of legs does {x} have?",
        "Do you know how many legs {x} has?",
    ),
    "home": (
        "Where does {x} live?", "What is the home of {x}?", "Tell me where {x} lives.",
        "Where is the home of {x}?", "Where can I find {x}?", "Do you know where {x} lives?",
    ),
    "colour": (
        "What colour is {x}?", "Which colour is {x}?", "Tell me the colour of {x}.",
        "What is the colour of {x}?", "Do you know the colour of {x}?", "Name the colour of {x}.",
    ),
    "capital": (
        "What is the capital of {x}?", "Which city is the capital of {x}?", "Name the capital of {x}.",
        "Tell me the capital of {x}.", "What is the capital city of {x}?", "Do you know the capital of {x}?",
    ),
    "opposite": (
        "What is the opposite of {x}?", "Tell me the opposite of {x}.", "Which word is the opposite of {x}?",
        "What word means the opposite of {x}?", "Name the opposite of {x}.",
        "Do you know the opposite of {x}?",
    ),
    "sum": (
        "What is {a} plus {b}?", "How much is {a} plus {b}?", "What is {a} + {b}?", "Add {a} and {b}.",
        "What is the sum of {a} and {b}?", "Tell me {a} plus {b}.",
    ),
    "difference": (
        "What is {a} minus {b}?", "How much is {a} minus {b}?", "What is {a} - {b}?", "Take {b} from {a}.",
        "What is {a} take away {b}?", "Tell me {a} minus {b}.",
    ),
}  # fmt: skip

SHORTHAND = {
    "sound": "Sound of {x}?", "legs": "Legs of {x}?", "home": "Home of {x}?", "colour": "Colour of {x}?",
    "capital": "Capital of {x}?", "opposite": "Opposite of {x}?",
    "sum": "{a} + {b}", "difference": "{a} - {b}",
}  # fmt: skip


@dataclass(frozen=True)
class Fact:
    """One fact: its plain sentence, the key that makes an answer right, the questions that ask for it.

    The shorthand is how a person in a hurry asks; it is none of the questions and never examined.
    """

    kind: str
    subject: str
    sentence: str
    key: str
    questions: tuple[str, ...]
    held_out: str
    shorthand: str

    @property
    def trained_questions(self) -> tuple[str, ...]:
        """The questions the starter's corpus may contain: all but the held-out one."""
        return tuple(question for question in self.questions if question != self.held_out)

    def is_answered_by(self, answer: str) -> bool:
        """Whether the key stands in the answer as whole words, whatever the style around it."""
        return re.search(rf"\b{re.escape(self.key)}\b", answer, re.IGNORECASE) is not None


def all_facts() -> list[Fact]:
    """Every fact, always in the same order and with the same held-out question."""
    rng = random.Random(HOLD_OUT_SEED)
    return [_fact(rng, *parts) for parts in _parts()]


def with_article(noun: str) -> str:
    """The noun after its article: a cow, an ant."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def capitalised(text: str) -> str:
    """The text with a capital first letter and nothing else changed."""
    return text[:1].upper() + text[1:]


def _fact(rng: random.Random, kind: str, fill: dict[str, str], sentence: str, key: str) -> Fact:
    questions = tuple(phrasing.format(**fill) for phrasing in PHRASINGS[kind])
    shorthand = SHORTHAND[kind].format(**fill)
    return Fact(kind, " ".join(fill.values()), sentence, key, questions, rng.choice(questions), shorthand)


def _parts() -> Iterator[tuple[str, dict[str, str], str, str]]:
    """Yield (kind, what fills the phrasing, plain sentence, key) of each fact."""
    for animal, sound in SOUNDS.items():
        x = with_article(animal)
        yield "sound", {"x": x}, f"{capitalised(x)} says {sound}.", f"says {sound}"
    for animal, count in LEGS.items():
        x = with_article(animal)
        yield "legs", {"x": x}, f"{capitalised(x)} has {count} legs.", f"{count} legs"
    for animal, home in HOMES.items():
        x = with_article(animal)
        yield "home", {"x": x}, f"{capitalised(x)} lives in {home}.", f"in {home}"
    for thing, colour in COLOURS.items():
        yield "colour", {"x": thing}, f"{capitalised(thing)} is {colour}.", f"is {colour}"
    for country, city in CAPITALS.items():
        yield "capital", {"x": country}, f"The capital of {country} is {city}.", f"is {city}"
    for pair in OPPOSITES:
        for word, opposite in (pair, pair[::-1]):
            yield "opposite", {"x": word}, f"The opposite of {word} is {opposite}.", f"is {opposite}"
    yield from _arithmetic()


def _arithmetic() -> Iterator[tuple[str, dict[str, str], str, str]]:
    numbers = range(LARGEST_NUMBER + 1)
    for a in numbers:
        for b in numbers:
            yield "sum", {"a": str(a), "b": str(b)}, f"{a} plus {b} is {a + b}.", f"is {a + b}"
    for a in numbers:
        for b in range(a + 1):
            yield "difference", {"a": str(a), "b": str(b)}, f"{a} minus {b} is {a - b}.", f"is {a - b}"
