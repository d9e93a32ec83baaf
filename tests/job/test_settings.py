"""What a job file may say of a field, and what it means."""

import pytest

from engine.job.errors import JobError
from engine.job.job import job_from_values, job_values, read_job, with_text, write_job


@pytest.mark.parametrize(
    ("said", "meant"), [(True, "on"), (False, "off"), ("on", "on"), ("off", "off"), ("auto", "auto")]
)
def test_a_switch_that_became_a_choice_is_still_read(said, meant, tmp_path) -> None:
    job = job_from_values({"train": {"checkpointing": said}})
    assert job.train.checkpointing == meant
    write_job(job, tmp_path / "job.toml")
    assert read_job(tmp_path / "job.toml") == job
    assert job_values(job)["train"]["checkpointing"] == meant  # type: ignore[index]


def test_the_command_line_takes_the_words_of_a_switch_and_those_of_the_choice() -> None:
    for text, meant in (("true", "on"), ("on", "on"), ("False", "off"), ("off", "off"), ("auto", "auto")):
        assert with_text(job_from_values({}), f"train.checkpointing={text}").train.checkpointing == meant


@pytest.mark.parametrize("said", ["some", 1, 0.5])
def test_anything_else_is_refused_by_name(said) -> None:
    with pytest.raises(JobError, match=r"'train\.checkpointing' is"):
        job_from_values({"train": {"checkpointing": said}})


def test_a_switch_for_a_choice_without_on_and_off_is_refused() -> None:
    with pytest.raises(JobError, match=r"'train\.schedule' is 'True', which is not a text"):
        job_from_values({"train": {"schedule": True}})
