"""Runs with experts that are paused, and assembled ones that are cut off: they end as if nothing had happened."""

import pytest

from engine.job.channel import events_of
from engine.job.commands import Evaluate, Pause, Resume
from engine.job.events import Continued, Evaluated, Paused, Step
from engine.job.expert_events import Routing
from tests.models.all_families import model_of
from tests.models.test_assemble import ANIMALS, SUMS, changed
from tests.models.tiny_models import tiny_tokenizer
from tests.train.test_fast_experts import NOISY, RUNS, kept_in, resumed, whole
from tests.train.tiny_runs import run, tiny_job, told

STEPS = {"steps": 4, "learning_rate": 5e-3}
WATCH = {"evaluate_every": 50, "sample_every": 50}


def assembled_job(folder, learns):
    """Two models of one base, put together."""
    tiny_job(folder)  # writes the base
    prompts = []
    for name, texts in (("animals", ANIMALS), ("sums", SUMS)):
        (folder / f"{name}.txt").write_text("\n".join(texts))
        prompts.append(str(folder / f"{name}.txt"))
    sources = [changed(folder / f"source-{seed}", None, seed) for seed in (1, 2)]
    moe = {"kind": "assemble", "sources": sources, "prompts": prompts, "learns": learns}
    return tiny_job(folder, adapter="full", moe=moe | NOISY, train=STEPS, watch=WATCH)


def job_of(case, folder):
    if case == "assembled":
        return assembled_job(folder, "experts")
    moe, adapter, family = RUNS[case]
    if family in ("mixtral", "qwen3-moe"):
        model_of(family).save_pretrained(folder / "model")
        tiny_tokenizer().save_pretrained(folder / "model")
        family = "llama"
    return tiny_job(folder, "sft", adapter, family, moe=moe, train=STEPS, watch=WATCH)


def pausing(event):
    """A pause after the second update, in which the rows kept back are looked at."""
    match event:
        case Step(step=2):
            return [Pause()]
        case Paused():
            return [Evaluate(), Resume()]
    return []


def shares(events):
    """What was told of the routers, without when."""
    return [(event.step, event.shares, event.balance) for event in told(events, Routing)]


@pytest.mark.parametrize("case", [*RUNS, "assembled"])
def test_a_paused_run_ends_bit_by_bit_as_one_that_went_through(case, tmp_path):
    job = job_of(case, tmp_path)
    found = whole(job, tmp_path)
    paused = run(job, tmp_path / "paused", pausing)
    order = [type(event) for event in paused if isinstance(event, Paused | Evaluated | Continued)]
    assert order[:3] == [Paused, Evaluated, Continued]
    assert kept_in(tmp_path / "paused") == found
    through = events_of(tmp_path / "whole")
    assert [step.loss for step in told(paused, Step)] == [step.loss for step in told(through, Step)]
    assert shares(paused) == shares(through)  # what was looked at meanwhile counts for nothing


@pytest.mark.parametrize("learns", ["router", "experts"])
def test_an_assembled_run_that_was_cut_off_ends_bit_by_bit(learns, tmp_path):
    job = assembled_job(tmp_path, learns)
    assert whole(job, tmp_path) == resumed(job, tmp_path)
