"""Experts by numbers: what a model grows into, what learns of it, its estimate, and refusals in words."""

import json
import math
from dataclasses import replace

import pytest

from engine.job.adapters import ADAPTERS, LoraSettings
from engine.job.cards import resolve
from engine.job.errors import JobError, ModelError
from engine.job.job import Job, job_from_values, with_text
from engine.library.devices import Device, Machine
from engine.library.estimate import estimate
from engine.library.memory_need import largest_matrix
from engine.library.mixtures import (
    GROWN,
    learning_part,
    mixture_count,
    mixture_problem,
    refuse_mixture,
    router_learns,
    with_experts,
)
from engine.library.models import check_model, describe
from engine.library.speed import token_operations
from engine.library.trained_count import trained_count
from engine.models.adapters import trained_parameters
from engine.models.growing import grown
from engine.models.load import load_model
from engine.models.mixtures import learn_parts, let_router_learn
from tests.models.all_families import model_of
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import tiny_tokenizer

MIXTURES = ["mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]
GB = 10**9


def job(moe=None, **adapter):
    return job_from_values({"moe": moe or {}, "adapter": {"kind": "lora", **adapter}})


def folder_of(family, folder):
    model_of(family).save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


def machine(free=8 * GB, kind="cpu"):
    return Machine("m", 2, 2 * free, free, (Device(kind, "D", 2 * free, free),))


def learned(model, asked, info):
    """How many numbers really learn, with the adapter and the part that the job asks for."""
    if router_learns(asked, info):
        let_router_learn(model)
    model = resolve(ADAPTERS[asked.adapter.kind].code)(model, asked.adapter.settings)
    learn_parts(model, learning_part(asked, info))
    return sum(weight.numel() for weight in trained_parameters(model).values())


@pytest.mark.parametrize("experts", [2, 8])
@pytest.mark.parametrize("family", GROWN)
def test_a_grown_model_is_counted_as_it_is_built(family, experts, tmp_path):
    asked = job({"kind": "upcycle", "experts": experts})
    loaded = load_model(tiny_folder(tmp_path, family), "float32", "cpu")
    real = grown(asked, loaded).model
    info = with_experts(asked, loaded.info)
    real.save_pretrained(tmp_path / "grown")
    tiny_tokenizer().save_pretrained(tmp_path / "grown")
    saved = check_model(tmp_path / "grown")
    for name in (
        "parameters",
        "active",
        "experts",
        "top_k",
        "intermediate",
        "shared",
        "model_type",
        "architecture",
    ):
        assert getattr(info, name) == getattr(saved, name), name
    assert with_experts(asked, info) == info


@pytest.mark.parametrize(
    "adapter", [{"kind": "full"}, {"rank": 3}, {"rank": 4, "mlp_rank": 2}, {"targets": "mlp"}]
)
@pytest.mark.parametrize("learns", ["experts", "all"])
@pytest.mark.parametrize("family", GROWN)
def test_what_learns_of_a_grown_model_is_counted_as_it_is(family, learns, adapter, tmp_path):
    asked = job({"kind": "upcycle", "learns": learns}, **adapter)
    larger = grown(asked, load_model(tiny_folder(tmp_path, family), "float32", "cpu"))
    found = mixture_count(asked, larger.info, trained_count(larger.info, asked.adapter.settings))
    assert found == learned(larger.model, asked, larger.info)
    assert estimate(asked, check_model(tmp_path), None, machine()).parameters_trained == found


@pytest.mark.parametrize("adapter", [{"kind": "full"}, {"rank": 3}, {"targets": "attention"}])
@pytest.mark.parametrize("train_router", [False, True])
@pytest.mark.parametrize("family", MIXTURES)
def test_what_learns_of_a_model_with_experts_is_counted_as_it_is(family, train_router, adapter, tmp_path):
    asked = job({"train_router": train_router}, **adapter)
    info = describe(folder_of(family, tmp_path))
    found = mixture_count(asked, info, trained_count(info, asked.adapter.settings))
    assert found == learned(model_of(family), asked, info)


@pytest.mark.parametrize("kind", [kind for kind in ADAPTERS if kind not in ("lora", "dora", "full")])
@pytest.mark.parametrize("family", MIXTURES)
def test_other_adapters_are_counted_on_a_model_with_experts_too(family, kind, tmp_path):
    values = {"freeze": {"trained_layers": 1}, "oft": {"block_size": 4}, "vera": {"shared_rank": 8}}
    asked = job(kind=kind, **values.get(kind, {}))
    info = describe(folder_of(family, tmp_path))
    assert trained_count(info, asked.adapter.settings) == learned(model_of(family), asked, info)


def test_the_router_learns_with_lora_on_a_grown_model_and_only_where_asked_on_an_old_one(tmp_path):
    info = describe(folder_of("mixtral", tmp_path))
    assert router_learns(job({"kind": "upcycle"}), info)
    assert not router_learns(job(), info)
    assert router_learns(job({"train_router": True}), info)
    assert not router_learns(job({"train_router": True}), replace(info, experts=0))
    assert [learning_part(job({"train_router": on}, kind="full"), info) for on in (False, True)] == [
        "no-router",
        "all",
    ]


def test_lora_in_experts_keeps_a_copy_of_them_and_computes_their_gradient(tmp_path):
    info = describe(folder_of("mixtral", tmp_path))
    within, beside = (
        with_text(with_text(job(rank=2, **more), "train.micro_batch=2"), "rows.max_tokens=50")
        for more in ({}, {"targets": "attention"})
    )
    copied = 4 * 3 * 32 * 48  # experts x matrices x hidden x width
    # What goes into both stacks of a token's two experts is kept for 100 tokens in two layers, and five are at work.
    into = 100 * (2 + 5) * 2 * (32 + 48)
    more = (
        estimate(within, info, None, machine()).activations
        - estimate(beside, info, None, machine()).activations
    )
    assert more == 4 * (copied * 3 + into)  # in 4 bytes; copies of two layers and of one at work
    # Two layers, two experts for each token, and the router: one more pass, two operations each.
    once = 2 * (2 * 3 * 32 * 48 + 4 * 32)
    assert token_operations(within, info) - token_operations(beside, info) == 2 * once


def test_the_largest_matrix_of_a_model_with_experts_is_a_stack_of_them(tmp_path):
    info = replace(describe(folder_of("mixtral", tmp_path)), vocab=10)
    assert largest_matrix(info) == 4 * 32 * 2 * 48  # experts x hidden x (gate and up)


def test_a_grown_model_is_made_to_fit_like_any_other(tmp_path):
    info = describe(tiny_folder(tmp_path))
    asked = with_text(job({"kind": "upcycle", "learns": "all"}, kind="full"), "train.batch_size=1")
    kept = estimate(with_text(asked, "train.checkpointing=off"), info, None, machine())
    short = estimate(asked, info, None, machine(math.ceil(kept.total / 0.9) - 10))
    assert (kept.recomputed, short.recomputed) == (0, 1)
    on_the_way = with_text(asked, "train.step_in_backward=on")
    found = estimate(on_the_way, info, None, machine(8 * GB, "cuda"))
    grown = with_experts(asked, info)
    assert found.step_in_backward
    # two moments for each number, and the gradient of the largest matrix: the words' 400 x 32
    assert found.adapter == grown.parameters * 8 + 400 * 32 * 4
    narrow = estimate(with_text(asked, "train.optimizer=adamw-8bit"), info, None, machine())
    assert narrow.adapter == int(grown.parameters * (2 + 8 / 256)) + grown.parameters * 4


def test_experts_trained_whole_in_16_bits_are_narrowed_and_kept_so(tmp_path):
    info = describe(folder_of("mixtral", tmp_path))
    whole = with_text(job(kind="full"), "train.micro_batch=1")
    in_16, in_32 = (
        estimate(with_text(whole, f"model.dtype={name}"), info, None, machine())
        for name in ("bfloat16", "float32")
    )
    assert in_16.working - in_32.working == 2 * info.parameters


def test_the_arithmetic_tells_how_many_weights_a_token_goes_through(tmp_path):
    words = estimate(job({"kind": "upcycle"}), describe(tiny_folder(tmp_path)), None, machine()).arithmetic
    assert "69,024 weights, 50,592 of them for each token, at 4 bytes each" in words


def test_a_token_costs_the_experts_that_it_goes_through(tmp_path):
    info = describe(folder_of("mixtral", tmp_path))
    of_two = token_operations(job(targets="attention"), info)
    of_three = token_operations(job(targets="attention"), replace(info, top_k=3))
    assert of_three - of_two == 2 * 2 * (2 * 3 * 32 * 48)  # two operations, two passes, two layers


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"model_type": "gemma2"}, "no stock model of experts with the layers of 'gemma2'"),
        ({"model_type": "gpt2"}, "no stock model"),
        ({"model_type": "mixtral"}, "has experts already"),
        ({"model_type": "llama", "mlp_bias": True}, "'mlp_bias'"),
        ({"model_type": "llama", "attention_bias": True}, "'attention_bias'"),
        (
            {"model_type": "qwen3", "layer_types": ["full_attention", "sliding_attention"]},
            "look back further",
        ),
    ],
)
def test_a_model_that_cannot_grow_experts_says_why(config, words):
    title, advice = mixture_problem(config)
    assert words in title
    assert advice.endswith(".")


@pytest.mark.parametrize("family", GROWN)
def test_a_model_that_can_says_nothing(family):
    assert mixture_problem({"model_type": family, "attention_bias": family == "qwen3"}) == ("", "")


def test_the_estimate_refuses_before_anything_is_loaded(tmp_path):
    info = describe(tiny_folder(tmp_path / "gemma", "gemma2"))
    with pytest.raises(ModelError, match="no stock model"):
        estimate(job({"kind": "upcycle"}), info, None, machine())
    path = tiny_folder(tmp_path / "biased", attention_bias=True)
    assert json.loads((path / "config.json").read_text())["attention_bias"]
    with pytest.raises(ModelError, match="'attention_bias'"):
        estimate(job({"kind": "upcycle"}), describe(path), None, machine())


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        (job(dropout=0.1), "cannot forget at random"),
        (job(kind="dora"), "DoRA cannot learn in experts"),
        (job(pissa=True), "PiSSA cannot begin in experts"),
        (job({"train_router": True}, kind="oft"), "does not reach the router"),
        (job({"train_router": True}, targets="attention", dropout=0.1), "cannot forget at random"),
    ],
)
def test_what_a_model_with_experts_cannot_be_trained_with_is_refused(asked, words, tmp_path):
    info = describe(folder_of("olmoe", tmp_path))
    with pytest.raises(JobError, match=words):
        refuse_mixture(asked, info)
    refuse_mixture(job(targets="attention", dropout=0.1), info)


def test_a_router_that_shall_learn_where_there_is_none_is_refused(tmp_path):
    with pytest.raises(JobError, match="has no experts to choose from"):
        refuse_mixture(job({"train_router": True}), describe(tiny_folder(tmp_path)))


def test_a_dense_job_asks_nothing_of_the_model():
    info = replace(describe_nothing(), model_type="llama")
    assert with_experts(Job(), info) is info
    assert mixture_count(Job(), info, 7) == 7
    assert trained_count(info, LoraSettings(rank=2)) == 0


def describe_nothing():
    from pathlib import Path

    return describe(Path("no-such-folder"))
