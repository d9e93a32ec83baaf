"""Where no learning rate is named, the adapter's own is taken; one that was named stays."""

import pytest

from engine.job.adapters import ADAPTERS
from engine.job.job import Job, job_from_values, job_values, with_kind, with_text, with_value
from engine.job.rates import usual_rate


def job_of(adapter, **train):
    values = {"adapter": adapter}
    return job_from_values(values | {"train": train} if train else values)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_job_that_names_no_rate_gets_its_adapters_own(kind):
    own = ADAPTERS[kind].learning_rate
    assert job_of({"kind": kind}).train.learning_rate == own
    assert job_of({"kind": kind}, epochs=2.0).train.learning_rate == own
    assert with_text(Job(), f"adapter.kind={kind}").train.learning_rate == own


@pytest.mark.parametrize("kind", ADAPTERS)
def test_a_rate_that_was_named_stays(kind):
    named = job_of({"kind": kind}, learning_rate=7e-4)
    assert named.train.learning_rate == 7e-4
    assert job_from_values(job_values(named)) == named
    assert with_kind(named, "adapter", "full").train.learning_rate == 7e-4


def test_a_job_without_any_section_has_the_rate_of_its_adapter():
    assert (
        Job().train.learning_rate
        == usual_rate("lora", Job().adapter.settings)
        == job_from_values({}).train.learning_rate
    )


def test_prompts_learn_faster_than_adapters_and_whole_models_slower():
    rate = {kind: card.learning_rate for kind, card in ADAPTERS.items()}
    assert rate["full"] < rate["freeze"] < rate["lora"] < rate["bottleneck"] < rate["prefix"]
    assert rate["prompt"] >= rate["prefix"] > 100 * rate["lora"]


def test_a_prefix_that_a_network_writes_has_a_rate_of_its_own():
    plain, written = job_of({"kind": "prefix"}), job_of({"kind": "prefix", "projection": True})
    assert (
        written.train.learning_rate
        == usual_rate("prefix", written.adapter.settings)
        < plain.train.learning_rate
    )
    assert with_value(plain, "adapter.projection", True).train.learning_rate == usual_rate(
        "prefix", written.adapter.settings
    )
    named = with_value(plain, "train.learning_rate", 7e-4)
    assert with_value(named, "adapter.projection", True).train.learning_rate == 7e-4
