"""What a job says about words, and what does not go with it."""

import pytest

from engine.job.adapters import ADAPTERS
from engine.job.clashes import adapter_problem, refuse_clashes
from engine.job.errors import JobError
from engine.job.job import Job, job_from_values, job_values, with_kind, with_text, with_value
from engine.job.words import learns_all_words, words_rate

TOKENS = with_value(Job(), "model.new_tokens", ["<tool>"])
WORDS = with_value(with_kind(Job(), "method", "pretrain"), "method.embeddings", True)


def test_new_tokens_stand_in_the_job_file():
    job = job_from_values({"model": {"new_tokens": ["<tool>", "</tool>"]}})
    assert job.model.new_tokens == ("<tool>", "</tool>")
    assert job_from_values(job_values(job)) == job


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("<tool>", ("<tool>",)),
        ("<tool> | </tool>", ("<tool>", "</tool>")),
        ('["<|tool|>", "<|end tool|>"]', ("<|tool|>", "<|end tool|>")),
        ("[TOOL]", ("[TOOL]",)),
        ("[1]", ("[1]",)),
        ("[]", ()),
    ],
)
def test_the_command_line_takes_one_or_many_also_with_bars_inside(text, tokens):
    assert with_text(Job(), f"model.new_tokens={text}").model.new_tokens == tokens


@pytest.mark.parametrize(
    ("tokens", "words"),
    [
        (["<a>", ""], "empty token at place 2"),
        (["  "], "empty token at place 1"),
        (["<a>", "<b>", "<a>"], "names '<a>' twice"),
    ],
)
def test_an_empty_or_repeated_token_is_refused_in_one_sentence(tokens, words):
    with pytest.raises(JobError, match=words) as error:
        refuse_clashes(with_value(Job(), "model.new_tokens", tokens))
    assert error.value.advice


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_that_cannot_carry_new_tokens_says_so(kind):
    job = with_kind(TOKENS, "adapter", kind)
    if kind in {"lora", "dora", "full"}:
        refuse_clashes(job)
    else:
        with pytest.raises(JobError, match=r"cannot learn new tokens \('model.new_tokens'\)"):
            refuse_clashes(job)


@pytest.mark.parametrize("kind", ADAPTERS)
def test_an_adapter_that_leaves_words_alone_says_so(kind):
    job = with_kind(WORDS, "adapter", kind)
    if kind in {"bottleneck", "prefix", "prompt", "p-tuning"}:
        with pytest.raises(JobError, match="leaves the model's word vectors alone"):
            refuse_clashes(job)
    else:
        refuse_clashes(job)


def test_where_all_words_learn_new_ones_learn_with_them():
    job = with_value(with_kind(WORDS, "adapter", "ia3"), "model.new_tokens", ["<tool>"])
    assert adapter_problem(job, ADAPTERS["ia3"]) == ("", "")


def test_all_words_learn_in_pretraining_alone_and_when_asked_to():
    assert not learns_all_words(Job())
    assert not learns_all_words(with_kind(Job(), "method", "pretrain"))
    assert learns_all_words(WORDS)
    assert words_rate(with_kind(Job(), "method", "pretrain")) == 1.0
    assert words_rate(WORDS) == 0.1
    assert words_rate(with_value(WORDS, "method.embedding_rate", 0.5)) == 0.5


def test_the_words_rate_of_an_adapter_is_the_usual_rate_of_whole_weights():
    assert words_rate(WORDS) * ADAPTERS["lora"].learning_rate == pytest.approx(ADAPTERS["full"].learning_rate)
