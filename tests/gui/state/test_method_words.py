import pytest

from engine.job.job import job_from_values
from gui.state.words import job_words, memory_words, method_words, split_words

ASSEMBLE = {"kind": "assemble", "sources": ["a"] * 4, "prompts": ["b"] * 4}


def job(moe, adapter="lora", **sections):
    return job_from_values({"moe": moe, "adapter": {"kind": adapter}, **sections})


@pytest.mark.parametrize(
    ("asked", "how", "split"),
    [
        (job({}), "LoRA rank 16", ""),
        (
            job({"kind": "lora-experts", "experts": 8}),
            "mixture of LoRA experts, 8 experts, 2 per token",
            "8 small experts, 2 per token",
        ),
        (
            job({"kind": "upcycle", "top_k": 4}),
            "LoRA rank 16, 4 full experts, 4 per token",
            "4 full experts, 4 per token",
        ),
        (
            job(ASSEMBLE, "full"),
            "Full, assembled from 4 models, 2 per token",
            "assembled from 4 models, 2 per token",
        ),
    ],
)
def test_the_experts_are_said_where_the_method_is_said(asked, how, split):
    assert method_words(asked) == how
    assert split_words(asked) == split


def test_one_line_about_a_mixture_names_model_experts_and_data():
    asked = job({"kind": "lora-experts", "experts": 8}, data=[{"path": "replies.jsonl"}])
    assert job_words(asked) == "Starter · mixture of LoRA experts, 8 experts, 2 per token · replies.jsonl"


def test_a_preference_method_stands_behind_the_experts():
    asked = job({"kind": "lora-experts"}, method={"kind": "dpo"})
    assert method_words(asked).startswith("mixture of LoRA experts, 4 experts, 2 per token · ")


def test_what_does_not_fit_is_said_in_one_way():
    assert memory_words(8.1e9, 6.1e9) == "Needs 8.1 GB, 6.1 GB free."
