import pytest

from engine.job.job import Job, job_from_values
from gui.state.words import experts_words, job_words, share_words


@pytest.mark.parametrize(
    ("share", "words", "exact"),
    [(0.22, "22 %", "22 %"), (0.124, "12 %", "12.4 %"), (1 / 128, "1 %", "0.8 %")],
)
def test_a_share_is_said_in_percent(share, words, exact):
    assert share_words(share) == words
    assert share_words(share, exact=True) == exact


def test_a_model_that_stays_as_it_is_has_no_word_of_experts():
    assert experts_words(Job()) == ""
    assert job_words(Job()) == "Starter · LoRA rank 16"


@pytest.mark.parametrize(
    ("moe", "words"),
    [
        ({"kind": "lora-experts", "experts": 8}, "mixture of LoRA experts, 8 experts, 2 per token"),
        ({"kind": "upcycle", "top_k": 4}, "grow full experts, 4 experts, 4 per token"),
        ({"kind": "assemble", "sources": ["a", "b"]}, "assemble from models, 2 experts, 2 per token"),
    ],
)
def test_a_line_about_a_job_says_its_experts(moe, words):
    job = job_from_values({"moe": moe})
    assert experts_words(job) == words
    assert words in job_words(job)
