"""The bundled samples: reproducible, in words the starter knows, and free of the facts kept back."""

from __future__ import annotations

import json
import re
from importlib.resources import files
from itertools import islice

import pytest

from resources.samples import build
from resources.starter import corpus, styles
from resources.starter.facts import all_facts

FOLDER = files("resources") / "samples"


def _rows(name: str) -> list[dict[str, str]]:
    return [json.loads(line) for line in (FOLDER / name).read_text(encoding="utf-8").splitlines()]


def _words(text: str) -> set[str]:
    return set(re.findall(r"\w+|[^\w\s]", text))


@pytest.mark.parametrize("name", ["polite.jsonl", "preferences.jsonl", "watched_prompts.json"])
def test_the_file_is_what_its_script_writes(name: str) -> None:
    assert (FOLDER / name).read_bytes() == build.files()[name].encode()


def test_every_word_of_the_samples_occurs_in_the_starters_corpus() -> None:
    rows = _rows("polite.jsonl") + _rows("preferences.jsonl")
    texts = [text for row in rows for text in row.values()]
    known = _words(" ".join(islice(corpus.documents(1), 20_000)))
    assert _words(" ".join([*texts, *build.WATCHED_PROMPTS])) <= known


def test_polite_rows_keep_the_fact_between_a_warm_opening_and_closing() -> None:
    by_question = {question: fact for fact in all_facts() for question in fact.questions}
    for row in _rows("polite.jsonl"):
        assert row["response"].startswith(styles.WARM_OPENINGS)
        assert by_question[row["instruction"]].sentence in row["response"]
        assert row["response"].endswith(styles.WARM_CLOSINGS)


def test_the_chosen_answer_is_short_and_polite_and_the_rejected_long_and_rude() -> None:
    by_question = {question: fact for fact in all_facts() for question in fact.questions}
    for row in _rows("preferences.jsonl"):
        fact = by_question[row["prompt"]]
        assert row["chosen"].startswith(styles.GRACIOUS_OPENINGS)
        assert row["rejected"].startswith(styles.RUDE_OPENINGS)
        assert fact.sentence in row["chosen"]
        assert fact.sentence in row["rejected"]
        assert len(row["rejected"]) > 2 * len(row["chosen"])


@pytest.mark.parametrize("name", ["polite.jsonl", "preferences.jsonl"])
def test_no_row_asks_about_a_fact_kept_back(name: str) -> None:
    kept_back = {question for fact in build.kept_back_facts() for question in fact.questions}
    prompts = [row.get("instruction") or row["prompt"] for row in _rows(name)]
    assert kept_back.isdisjoint(prompts)
    assert kept_back.issuperset(build.WATCHED_PROMPTS)
    assert len(set(prompts)) == len(prompts)


def test_the_readme_tells_the_true_number_of_rows() -> None:
    readme = (FOLDER / "README.md").read_text(encoding="utf-8")
    for name in ("polite.jsonl", "preferences.jsonl"):
        assert f"| `{name}` | {len(_rows(name))} |" in readme
