"""Jobs whose model grows full experts: files beside the job, and choices that exclude each other."""

import pytest

from engine.job.clashes import refuse_clashes
from engine.job.errors import JobError
from engine.job.job import job_from_values, read_job, write_job

ASSEMBLE = {"kind": "assemble", "sources": ["one", "two"], "prompts": ["a.txt", "b.txt"]}


def job_of(moe, adapter="full", **sections):
    return job_from_values({"moe": moe, "adapter": {"kind": adapter}, **sections})


def test_models_and_prompts_beside_the_job_file_are_found_there(tmp_path):
    (tmp_path / "one").mkdir()
    path = tmp_path / "job.toml"
    write_job(job_of({**ASSEMBLE, "sources": ["one", "org/name"]}), path)
    settings = read_job(path).moe.settings
    assert settings.sources == (str(tmp_path / "one"), "org/name")
    assert settings.prompts == (str(tmp_path / "a.txt"), str(tmp_path / "b.txt"))


def test_a_model_without_prompts_yet_stays_without(tmp_path):
    path = tmp_path / "job.toml"
    write_job(job_of({**ASSEMBLE, "sources": ["", ""], "prompts": ["", ""]}), path)
    settings = read_job(path).moe.settings
    assert settings.sources == settings.prompts == ("", "")


@pytest.mark.parametrize(
    ("moe", "adapter", "words"),
    [
        (ASSEMBLE, "lora", "router learns by full training"),
        ({**ASSEMBLE, "prompts": ["a.txt"]}, "full", "'moe.prompts' has 1 entries for 2 models"),
        ({**ASSEMBLE, "sources": ["one", "two", "three"]}, "full", "'moe.sources' has 3 models"),
        ({**ASSEMBLE, "top_k": 3}, "full", "'moe.top_k' is 3, but there are only 2"),
        ({"kind": "upcycle"}, "bottleneck", "needs full training or LoRA"),
        ({"kind": "upcycle", "copy_noise": 0.1}, "lora", "'moe.copy_noise' does not go with LoRA"),
    ],
)
def test_what_does_not_go_together_is_refused_by_name(moe, adapter, words):
    with pytest.raises(JobError, match=words):
        refuse_clashes(job_of(moe, adapter))


@pytest.mark.parametrize("kind", ["upcycle", "assemble"])
def test_a_compressed_model_cannot_grow(kind):
    moe = ASSEMBLE if kind == "assemble" else {"kind": kind}
    with pytest.raises(JobError, match="cannot grow experts"):
        refuse_clashes(job_of(moe, model={"quantization": "nf4"}))


@pytest.mark.parametrize(
    ("sections", "name"),
    [
        ({"model": {"new_tokens": ["<tool>"]}}, "model.new_tokens"),
        ({"method": {"kind": "pretrain", "embeddings": True}}, "method.embeddings"),
    ],
)
def test_words_cannot_learn_where_only_experts_do(sections, name):
    with pytest.raises(JobError, match=f"'{name}' wants words to learn"):
        refuse_clashes(job_of({"kind": "upcycle"}, **sections))
    refuse_clashes(job_of({"kind": "upcycle", "learns": "all"}, **sections))


def test_what_goes_together_is_left_alone():
    refuse_clashes(job_of(ASSEMBLE))
    refuse_clashes(job_of({"kind": "upcycle"}, "lora"))
    refuse_clashes(job_of({"kind": "upcycle", "experts": 8, "top_k": 8, "copy_noise": 0.01}))
