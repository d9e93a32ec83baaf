"""The starter model learns from the bundled samples what they are meant to teach, and keeps what it knew."""

import json

import pytest

from engine.job.channel import Desk, events_of
from engine.job.events import Evaluated
from engine.job.job import job_from_values
from engine.library.folders import samples_folder
from engine.library.runs import create_run
from engine.train.session import train
from engine.use.open import open_model
from resources.starter import exam
from tests.train.tiny_runs import told

pytestmark = pytest.mark.slow  # real training on the real starter: about half a minute each


def learned(sample, method, adapter, learning_rate, steps, batch_size):
    """The finished run, and the tuned model's answers to questions that were never trained on, with their facts.

    A learning rate of None is the adapter's own.
    """
    rate = {} if learning_rate is None else {"learning_rate": learning_rate}
    values = {
        "name": f"{method['kind']} {adapter['kind']}",
        "data": [{"path": str(samples_folder() / sample)}],
        "rows": {"max_tokens": 128, "validation": 0.15},
        "method": method,
        "adapter": adapter,
        "train": {"steps": steps, "batch_size": batch_size} | rate,
        "watch": {"evaluate_every": steps, "sample_every": steps, "sample_tokens": 4},
        "device": {"kind": "cpu", "threads": 1},
    }
    run = create_run(job_from_values(values))
    train(job_from_values(values), Desk(run))
    opened = open_model(str(run), device="cpu")
    pairs = exam.held_out_pairs()
    texts = exam.answers(opened.model, opened.tokenizer, [question for _, question in pairs])
    return run, [(fact, text) for (fact, _), text in zip(pairs, texts, strict=True)]


def share(answers, is_so):
    """Which part of the answers is so."""
    return sum(is_so(fact, text) for fact, text in answers) / len(answers)


def knows(fact, text):
    return fact.is_answered_by(text)


def is_rude(text):
    return any(word in text for word in ("Ugh", "silly", "boring", "stop wasting", "be quiet"))


def openings(sample, field):
    """The first two words of every answer in a sample."""
    lines = (samples_folder() / sample).read_text(encoding="utf-8").splitlines()
    return {" ".join(json.loads(line)[field].split()[:2]) for line in lines}


def test_dpo_teaches_which_answers_are_preferred():
    method = {"kind": "dpo", "beta": 0.1, "sft_weight": 0.5}
    run, answers = learned("preferences.jsonl", method, {"kind": "lora"}, 6e-4, steps=40, batch_size=8)
    assert told(events_of(run), Evaluated)[-1].metrics["accuracy"] > 0.9
    assert share(answers, knows) >= 0.9
    assert share(answers, lambda fact, text: is_rude(text)) == 0
    polite = openings("preferences.jsonl", "chosen")
    assert share(answers, lambda fact, text: " ".join(text.split()[:2]) in polite) > 0.8


@pytest.mark.parametrize(
    ("adapter", "learning_rate"),
    [({"kind": "lora"}, 1e-3), ({"kind": "prefix"}, None), ({"kind": "bottleneck"}, None)],
    ids=lambda value: value["kind"] if isinstance(value, dict) else "",
)
def test_instruction_tuning_teaches_a_new_style(adapter, learning_rate):
    _, answers = learned("polite.jsonl", {"kind": "sft"}, adapter, learning_rate, steps=60, batch_size=16)
    assert share(answers, lambda fact, text: "my friend" in text) > 0.9
    assert share(answers, knows) >= 0.9
