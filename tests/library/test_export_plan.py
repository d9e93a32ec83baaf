"""What an export will be, by hand, and what cannot be made of which run."""

from dataclasses import replace

import pytest

from engine.job.job import job_from_values
from engine.library.export_plan import architecture_name, own_numbers, plan_export, run_export_problem
from engine.library.models import check_model
from tests.library.test_estimate import SMALL
from tests.models.all_families import model_of
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import tiny_tokenizer

EXPERTS = {"kind": "lora-experts", "experts": 4, "top_k": 2}


def job(moe=None, **adapter):
    return job_from_values({"moe": moe or {}, "adapter": {"kind": "lora", **adapter}})


def of(family, folder, **changes):
    return check_model(tiny_folder(folder / family, family, **changes))


def with_own_experts(family, folder, **changes):
    model = model_of(family)
    for name, value in changes.items():
        setattr(model.config, name, value)
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return check_model(folder)


@pytest.mark.parametrize("kind", ["lora-experts", "upcycle"])
def test_experts_are_counted_in_all_and_for_each_token(kind, tmp_path):
    base = of("llama", tmp_path)
    found = plan_export(job(EXPERTS | {"kind": kind}), base, "merged", "bfloat16")
    # Three more copies of three matrices of 32 x 48 in each of two layers, and a router of 4 x 32.
    assert found.parameters == base.parameters + 2 * (3 * 3 * 32 * 48 + 4 * 32)
    assert found.active == found.parameters - 2 * 2 * 3 * 32 * 48  # two of four experts rest
    assert found.file_bytes == found.memory_bytes == 2 * found.parameters
    assert (found.architecture, found.base_parameters) == ("Mixtral", base.parameters)
    assert found.times_base == found.file_bytes / base.bytes


def test_sizes_follow_the_precision():
    base = replace(SMALL, model_type="llama", parameters=1_000_000_000, bytes=2 * 10**9, dtype="bfloat16")
    sizes = {
        kind: plan_export(job(), base, form, kind).file_bytes
        for form, kind in [
            ("merged", "auto"),
            ("merged", "float32"),
            ("gguf", "f16"),
            ("gguf", "q8_0"),
        ]
    }
    assert sizes == {"auto": 2 * 10**9, "float32": 4 * 10**9, "f16": 2 * 10**9, "q8_0": 1_062_500_000}
    assert plan_export(job(), base, "merged", "float32").times_base == 2.0


def test_the_smallest_models_leave_in_32_bits_and_others_in_their_own():
    assert own_numbers(replace(SMALL, parameters=10**6, dtype="bfloat16")) == "float32"
    assert own_numbers(replace(SMALL, parameters=10**9, dtype="bfloat16")) == "bfloat16"
    assert own_numbers(replace(SMALL, parameters=10**9, dtype="float64")) == "float32"


@pytest.mark.parametrize(
    ("family", "name"),
    [("llama", "Mixtral"), ("mistral", "Mixtral"), ("qwen2", "Qwen2-MoE"), ("qwen3", "Qwen3-MoE")],
)
def test_every_family_becomes_its_stock_like_and_qwen2_brings_its_caveat(family, name, tmp_path):
    found = plan_export(job(EXPERTS), of(family, tmp_path), "merged", "auto")
    assert found.architecture == name
    assert ("transformers and vLLM only" in found.caveat) == (family == "qwen2")


def test_names_are_written_as_people_write_them():
    names = [architecture_name(replace(SMALL, model_type=kind)) for kind in ("llama", "olmoe", "qwen3_moe")]
    assert names == ["Llama", "OLMoE", "Qwen3-MoE"]


def test_one_line_tells_all_of_it():
    base = replace(SMALL, model_type="llama", parameters=10**9, bytes=2 * 10**9, dtype="bfloat16")
    assert plan_export(job(), base, "merged", "auto").words == (
        "Llama: 1.0 billion weights; 2.0 GB on disk, 2.0 GB of memory to load it; 1.0 times the base (2.0 GB)"
    )
    grown = plan_export(job(EXPERTS), base, "merged", "auto")
    assert "of them for each token" in grown.words
    assert plan_export(job(), replace(base, bytes=0), "merged", "auto").words.endswith("to load it")


def test_experts_that_are_made_leave_in_every_form_that_can_be(tmp_path):
    base, small = of("llama", tmp_path), job(EXPERTS)
    assert [run_export_problem(small, base, form)[0] for form in ("merged", "adapter", "gguf")] == [""] * 3
    grown = job({"kind": "upcycle", "experts": 4})
    title, advice = run_export_problem(grown, base, "adapter")
    assert "experts that its base does not have" in title
    assert advice == "Export it as one complete model."
    assert run_export_problem(grown, base, "gguf") == ("", "")
    assert "whole model was trained" in run_export_problem(job(kind="full"), base, "adapter")[0]


def test_a_run_on_top_of_another_has_no_adapter_of_its_own(tmp_path):
    base = of("llama", tmp_path)
    assert "what another run had learned" in run_export_problem(job(), base, "adapter", True)[0]
    assert run_export_problem(job(), base, "merged", True) == ("", "")


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("qwen2", {}, "in another way: not to a sum of one"),
        ("mistral", {"sliding_window": 6}, "looks back 6 tokens only"),
    ],
)
def test_a_gguf_of_experts_that_would_answer_otherwise_is_refused(family, changes, words, tmp_path):
    assert words in run_export_problem(job(EXPERTS), of(family, tmp_path, **changes), "gguf")[0]
    assert run_export_problem(job(EXPERTS), of(family, tmp_path, **changes), "merged") == ("", "")


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("mixtral", {}, ""),
        ("qwen3-moe", {}, ""),
        ("qwen3-moe", {"norm_topk_prob": False}, "add up to one; in this model they do not"),
        ("olmoe", {"norm_topk_prob": True}, "not add up to one; in this model they do "),
        ("olmoe", {}, "'olmoe'"),
        ("qwen2-moe", {}, "'qwen2_moe'"),
        ("qwen2-moe", {"norm_topk_prob": True}, "weighs the experts of Qwen2-MoE"),
    ],
)
def test_of_models_with_experts_of_their_own_the_config_decides(family, changes, words, tmp_path):
    title = run_export_problem(job(), with_own_experts(family, tmp_path, **changes), "gguf")[0]
    assert words in title
    assert bool(words) == bool(title)


def test_families_that_gguf_is_not_written_for_are_named(tmp_path):
    title, advice = run_export_problem(job(), of("gemma2", tmp_path), "gguf")
    assert "this one is 'gemma2'" in title
    assert "convert_hf_to_gguf" in advice
