"""On the bundled starter: what stays beside the model teaches it the sample's style as well, and it keeps its facts."""

import pytest

from engine.job.events import Sampled, Step
from engine.job.job import job_from_values
from engine.library.folders import samples_folder
from tests.train.tiny_runs import run, told

pytestmark = pytest.mark.slow  # a real model learns until its answers change: about ten seconds each

FACTS = {"What is the capital of France?": "Paris", "What is 2 plus 3?": "5"}


def answers(adapter, rate, folder):
    job = job_from_values(
        {
            "model": {"source": "starter"},
            "data": [{"path": str(samples_folder() / "polite.jsonl")}],
            "adapter": {"kind": adapter},
            "rows": {"max_tokens": 256},
            "train": {"steps": 40, "batch_size": 16, "learning_rate": rate},
            "watch": {"prompts": list(FACTS), "sample_every": 40, "evaluate_every": 40, "sample_tokens": 48},
            "device": {"kind": "cpu"},
        }
    )
    events = run(job, folder / "run")
    losses = [step.loss for step in told(events, Step)]
    sampled = told(events, Sampled)
    return losses, {event.prompt: event.answer for event in sampled[-len(FACTS) :]}


@pytest.mark.parametrize(("adapter", "rate"), [("bottleneck", 4e-3), ("prefix", 3e-2)])
def test_it_answers_in_the_samples_style_and_keeps_its_facts(adapter, rate, tmp_path):
    losses, told_by_prompt = answers(adapter, rate, tmp_path)
    assert losses[-1] < losses[0] / 2
    for prompt, fact in FACTS.items():
        assert fact in told_by_prompt[prompt]
    assert all("my friend" in answer for answer in told_by_prompt.values())
