"""Writes the sample files: `python resources/samples/build.py`. The same seed always gives the same bytes.

The questions and facts come from the starter's own world (resources/starter/facts.py), the wording from its
styles. Every fifth fact and the watched prompts' facts are kept back: they show what was
learned, not recalled.
"""

from __future__ import annotations

import json
import random
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # so that it runs as a plain script, from any folder

from resources.starter import styles  # noqa: E402
from resources.starter.facts import Fact, all_facts  # noqa: E402

SEED = 11
POLITE_QUESTIONS = 2  # questions asked about each fact in polite.jsonl
PREFERENCE_ROWS = 256
KEPT_BACK_EVERY = 5
WATCHED_PROMPTS = ("What sound does a cow make?", "What is the capital of France?", "What is 2 plus 3?")


def main() -> None:
    """Write every sample file beside this script."""
    for name, text in files().items():
        (HERE / name).write_text(text, encoding="utf-8", newline="\n")
        print(f"{name}: {text.count(chr(10))} lines")


def files() -> dict[str, str]:
    """The complete text of each sample file by its name."""
    return {
        "polite.jsonl": _lines(polite_rows()),
        "preferences.jsonl": _lines(preference_rows()),
        "watched_prompts.json": json.dumps(WATCHED_PROMPTS, indent=2) + "\n",
    }


def polite_rows() -> list[dict[str, str]]:
    """Instruction and response: right answers between a warm opening and a warm closing."""
    rng = random.Random(SEED)
    rows = [
        {"instruction": question, "response": styles.warm(fact.sentence, rng)}
        for fact in shown_facts()
        for question in rng.sample(fact.trained_questions, POLITE_QUESTIONS)
    ]
    rng.shuffle(rows)
    return rows


def preference_rows() -> list[dict[str, str]]:
    """Prompt, chosen and rejected: the same right fact, short and polite against long and rude."""
    rng = random.Random(SEED)
    pairs = [(fact, question) for fact in shown_facts() for question in fact.trained_questions]
    return [
        {
            "prompt": question,
            "chosen": styles.gracious(fact.sentence, rng),
            "rejected": styles.rude(fact.sentence, rng),
        }
        for fact, question in rng.sample(pairs, PREFERENCE_ROWS)
    ]


def shown_facts() -> list[Fact]:
    """The facts that the sample rows may use."""
    kept = set(kept_back_facts())
    return [fact for fact in all_facts() if fact not in kept]


def kept_back_facts() -> list[Fact]:
    """The facts of no sample row: every fifth, and those of the watched prompts."""
    return [
        fact
        for index, fact in enumerate(all_facts())
        if index % KEPT_BACK_EVERY == 0 or not set(WATCHED_PROMPTS).isdisjoint(fact.questions)
    ]


def _lines(rows: list[dict[str, str]]) -> str:
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)


if __name__ == "__main__":
    main()
