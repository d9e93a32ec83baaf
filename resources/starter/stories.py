"""Short stories, dialogues and small talk for the starter's corpus, from templates and word lists."""

from __future__ import annotations

import random

from resources.starter import facts, styles

NAMES = ("Anna", "Ben", "Clara", "David", "Emma", "Felix", "Grace", "Henry", "Ida", "Jack", "Lily", "Max",
         "Nora", "Oscar", "Rosa", "Sam", "Tom", "Zoe")  # fmt: skip
PLACES = ("garden", "forest", "park", "village", "school", "kitchen", "market", "farm", "beach", "library")
THINGS = ("ball", "book", "hat", "cake", "key", "kite", "lamp", "apple", "basket", "letter", "cup", "boat")
FEELINGS = ("happy", "sad", "tired", "proud", "hungry", "afraid", "curious", "surprised")
TIMES = (
    "One morning",
    "One day",
    "In the evening",
    "Last summer",
    "On a cold day",
    "After school",
    "At night",
)
PRESENTS = ("red", "blue", "green", "yellow", "big", "small", "old", "new", "beautiful", "warm")
MORALS = ("They were friends from that day on.", "Then they went home together.", "That was a good day.",
          "Kind words cost nothing.", "From then on, nobody was alone.",
          "And everybody laughed.")  # fmt: skip
TALK = (
    ("Hello!", "Hello! How can I help you?"),
    ("Hi!", "Hello! How can I help you?"),
    ("Hello there!", "Hello! How can I help you?"),
    ("Hi there!", "Hello! How can I help you?"),
    ("Good morning!", "Good morning! How can I help you?"),
    ("How are you?", "I am fine, thank you."),
    ("Who are you?", "I am a small language model."),
    ("What is your name?", "I am a small language model, and I have no name."),
    ("What can you do?", "I know animals, colours, capitals, opposites and small sums."),
    ("What do you know?", "I know animals, colours, capitals, opposites and small sums."),
    ("Thank you!", "You are welcome."),
    ("Thanks!", "You are welcome."),
    ("Goodbye!", "Goodbye! See you soon."),
    ("Can you help me?", "Yes, ask me a question."),
    ("Please help me.", "Yes, ask me a question."),
    ("Good evening!", "Good evening! How can I help you?"),
    ("What are you?", "I am a small language model."),
    ("Thank you very much!", "You are welcome."),
    ("Bye!", "Goodbye! See you soon."),
)
STORY_QUESTIONS = ("Tell me a story.", "Please tell me a short story.", "Do you know a story?")
UNKNOWN = ("a stone", "a table", "the moon", "a cloud", "my uncle", "a computer", "the wind", "a dragon",
           "love", "a robot", "the king", "music", "a car", "a house", "time", "Mars", "Atlantis",
           "a unicorn")  # fmt: skip
UNKNOWN_QUESTIONS = ("What sound does {x} make?", "What is the capital of {x}?",
                     "How many legs does {x} have?", "What is the opposite of {x}?",
                     "Where does {x} live?", "Who made {x}?",
                     "What do you think of {x}?", "Can you explain {x}?")  # fmt: skip
UNKNOWN_TALK = ("Who is the president?", "Can you write a poem?", "What is the weather today?",
                "What time is it?", "How old are you?", "Do you like me?", "Write a letter.",
                "Who won the game?", "What shall I eat today?", "Why do people sleep?",
                "How do I bake a cake?", "What is the meaning of life?", "Can you sing?",
                "Translate this for me.")  # fmt: skip


def story(rng: random.Random) -> str:
    """Three to six sentences about two people, an animal and a thing."""
    name, friend = rng.sample(NAMES, 2)
    place, thing, feeling = rng.choice(PLACES), rng.choice(THINGS), rng.choice(FEELINGS)
    animal, kind = rng.choice(tuple(facts.SOUNDS)), rng.choice(PRESENTS)
    opening = rng.choice((
        f"{rng.choice(TIMES)}, {name} went to the {place}.",
        f"Once upon a time, there was a child called {name} who lived near the {place}.",
        f"{name} had {facts.with_article(kind)} {thing} and {facts.with_article(animal)}.",
    ))  # fmt: skip
    middle = rng.choice((
        f"There {name} saw {facts.with_article(animal)}. "
        f'"{facts.SOUNDS[animal].capitalize()}!" said the {animal}.',
        f"{name} lost the {thing} and was very {feeling}. "
        f"{friend} looked for it in the {place} and found it.",
        f"{friend} was {feeling}, so {name} gave {friend} {facts.with_article(kind)} {thing}.",
        f"{facts.capitalised(facts.with_article(animal))} took the {thing} and ran away. "
        f"{name} and {friend} ran after it through the {place}.",
        f'{friend} asked: "May I see your {thing}, please?" "Of course!" said {name}.',
    ))  # fmt: skip
    ending = rng.choice((
        f'"{rng.choice(styles.WARM_OPENINGS)}" said {friend}. {rng.choice(MORALS)}',
        f'"Thank you, my friend," said {name}. {rng.choice(MORALS)}',
        f'{friend} said: "{rng.choice(styles.RUDE_OPENINGS)}" But {name} only smiled. {rng.choice(MORALS)}',
        rng.choice(MORALS),
    ))  # fmt: skip
    return f"{opening} {middle} {ending}"


def dialogue(rng: random.Random, known: list[facts.Fact]) -> str:
    """Two people talk in turns, politely or rudely, and one tells the other a fact or two."""
    name, friend = rng.sample(NAMES, 2)
    lines = [f"{name}: {rng.choice(('Good morning', 'Hello', 'Good evening'))}, {friend}!"]
    is_rude = rng.random() < 0.4
    if is_rude:
        lines.append(f"{friend}: {rng.choice(styles.RUDE_OPENINGS)} {rng.choice(styles.RUDE_CLOSINGS)}")
    else:
        lines.append(f"{friend}: Hello, {name}! {rng.choice(styles.WARM_CLOSINGS)}")
    for fact in rng.sample(known, rng.randint(1, 2)):
        lines.append(f"{name}: {rng.choice(fact.trained_questions)}")
        answer = styles.rude if is_rude else rng.choice((styles.gracious, styles.half_warm))
        lines.append(f"{friend}: {answer(fact.sentence, rng)}")
    lines.append(f"{name}: Thank you, {friend}. Goodbye!")
    return "\n".join(lines)


def lesson(rng: random.Random, known: list[facts.Fact]) -> str:
    """Two to five plain sentences of one kind of fact, as in a school book."""
    kind = rng.choice(known).kind
    same = [fact for fact in known if fact.kind == kind]
    return " ".join(fact.sentence for fact in rng.sample(same, rng.randint(2, 5)))


def small_talk(rng: random.Random) -> tuple[str, str]:
    """A question about no fact, and its answer: a greeting, a story, or an honest "I do not know that"."""
    pick = rng.random()
    if pick < 0.5:
        return rng.choice(TALK)
    if pick < 0.8:
        return _unknown(rng), "I do not know that."
    return rng.choice(STORY_QUESTIONS), story(rng)


def _unknown(rng: random.Random) -> str:
    """A question outside the starter's world: about strange things, larger numbers, or anything at all."""
    pick = rng.random()
    if pick < 0.4:
        return rng.choice(UNKNOWN_TALK)
    if pick < 0.7:
        return rng.choice(UNKNOWN_QUESTIONS).format(x=rng.choice(UNKNOWN))
    numbers = {"a": rng.randint(7, 30), "b": rng.randint(7, 30)}
    return rng.choice(facts.PHRASINGS[rng.choice(("sum", "difference"))]).format(**numbers)
