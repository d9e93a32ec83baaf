"""Learned positions take room from the text: the table of a model's positions is never overrun."""

from dataclasses import replace

import pytest

from engine.job.errors import JobError
from engine.job.job import job_from_values
from engine.library.estimate import RowStats, estimate
from engine.library.room import fitted, longest_row
from tests.library.test_estimate import GB, SMALL, machine  # a model of 64 positions

KINDS = ("prefix", "prompt", "p-tuning")


def job_of(adapter="lora", max_tokens=1024, **settings):
    return job_from_values({"adapter": {"kind": adapter} | settings, "rows": {"max_tokens": max_tokens}})


@pytest.mark.parametrize("kind", KINDS)
def test_learned_positions_are_taken_from_the_models_room(kind):
    assert longest_row(job_of(kind, virtual_tokens=10), SMALL) == 64 - 10
    assert longest_row(job_of(kind, max_tokens=54, virtual_tokens=10), SMALL) == 54
    assert longest_row(job_of(kind, max_tokens=40, virtual_tokens=10), SMALL) == 40
    assert longest_row(job_of("lora"), SMALL) == 64


def test_a_model_that_names_no_number_of_positions_sets_no_limit():
    assert longest_row(job_of("prefix"), replace(SMALL, context=0)) == 1024


def test_what_changes_is_told_in_numbers_that_add_up():
    job, words = fitted(job_of("prefix", virtual_tokens=10), SMALL)
    assert job.rows.max_tokens == 54
    assert words == "Rows are cut at 54 tokens: the model has 64 positions, of which Prefix takes 10."
    job, words = fitted(job_of("lora"), SMALL)
    assert (job.rows.max_tokens, words) == (64, "Rows are cut at 64 tokens: the model has 64 positions.")
    job = job_of("prefix", max_tokens=54, virtual_tokens=10)
    assert fitted(job, SMALL) == (job, "")


@pytest.mark.parametrize("kind", KINDS)
def test_learned_positions_that_leave_no_room_are_refused(kind):
    assert longest_row(job_of(kind, virtual_tokens=56), SMALL) == 8
    with pytest.raises(JobError, match=r"57 learned positions.*64 in all") as error:
        longest_row(job_of(kind, virtual_tokens=57), SMALL)
    assert "'adapter.virtual_tokens' to 32" in error.value.advice
    with pytest.raises(JobError, match="no room"):
        estimate(job_of(kind, virtual_tokens=64), SMALL, None, machine(8 * GB))


@pytest.mark.parametrize("kind", KINDS)
def test_the_estimate_counts_the_learned_positions_within_the_models_room(kind):
    found = estimate(job_of(kind, virtual_tokens=10), SMALL, None, machine(8 * GB))
    assert "up to 64 tokens" in found.arithmetic
    rows = RowStats(rows=100, tokens_mean=10, tokens_max=20)
    assert (
        "up to 30 tokens"
        in estimate(job_of(kind, virtual_tokens=10), SMALL, rows, machine(8 * GB)).arithmetic
    )
