"""LoRA experts by numbers alone, worked out by hand for a model 8 wide with two layers."""

from dataclasses import replace

import pytest

from engine.job.job import Job, choose, with_kind, with_value
from engine.job.moe import MOE
from engine.library.devices import machine
from engine.library.estimate import RowStats, estimate
from engine.library.lora_mixture import (
    lora_mixture_count,
    lora_mixture_problem,
    lora_mixture_weights,
)
from engine.library.models import check_model
from engine.library.speed import token_operations
from tests.library.test_estimate import GB, SMALL
from tests.library.test_estimate import machine as computer
from tests.models.tiny_folders import tiny_folder

JOB = with_kind(with_value(Job(), "adapter.rank", 2), "moe", "lora-experts")


def test_what_learns_is_counted():
    # Of each layer: LoRA of size 2 on q 8x8, k and v 8x4, o 8x8; four experts of 3 * 2 * (8 + 12); a router of 4 x 8.
    assert lora_mixture_count(JOB, SMALL) == 2 * (2 * (16 + 12 + 12 + 16) + 4 * 120 + 32)


def test_sizes_of_their_own_in_attention_and_in_experts_are_counted():
    job = with_value(with_value(JOB, "adapter.mlp_rank", 1), "adapter.attention_rank", 3)
    assert lora_mixture_count(job, SMALL) == 2 * (3 * (16 + 12 + 12 + 16) + 4 * 60 + 32)


def test_a_token_goes_through_its_own_experts_and_every_router():
    assert lora_mixture_weights(JOB, SMALL) == 2 * (2 * 120 + 32)
    assert lora_mixture_weights(Job(), SMALL) == 0
    more = token_operations(JOB, SMALL) - token_operations(Job(), SMALL)
    assert more == 2 * 3 * 2 * (2 * 120 + 32)


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_four_families_can_have_them(family, tmp_path):
    assert lora_mixture_problem(check_model(tiny_folder(tmp_path / family, family))) == ("", "")


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("gemma2", {}, "no stock model of experts with the layers of 'gemma2'"),
        ("llama", {"attention_bias": True}, "attention_bias"),
        ("llama", {"mlp_bias": True}, "mlp_bias"),
        ("qwen3", {"hidden_act": "gelu"}, "'gelu'"),
    ],
)
def test_others_are_refused_in_words(family, changes, words, tmp_path):
    title, advice = lora_mixture_problem(check_model(tiny_folder(tmp_path / family, family, **changes)))
    assert words in title
    assert advice


@pytest.mark.parametrize("family", ["phi3", "gpt2", "gemma", "granite", "olmo2"])
def test_families_without_a_model_of_experts_are_refused_by_their_name_alone(family, tmp_path):
    (tmp_path / "config.json").write_text(f'{{"model_type": "{family}"}}')
    title, _ = lora_mixture_problem(replace(SMALL, folder=tmp_path))
    assert f"'{family}'" in title


def test_the_estimate_knows_them(tmp_path):
    model = check_model(tiny_folder(tmp_path / "model"))
    rows = RowStats(rows=100, tokens_mean=50.0, tokens_max=60)
    plain = estimate(Job(), model, rows, machine())
    job = replace(Job(), moe=choose(MOE, "lora-experts", "moe", {"experts": 8}))
    found = estimate(job, model, rows, machine())
    assert found.parameters_trained == lora_mixture_count(job, model) > plain.parameters_trained
    assert found.adapter > plain.adapter
    assert found.disk > plain.disk
    assert found.seconds[1] > plain.seconds[1]


def test_in_16_bits_the_router_keeps_what_it_reads_in_32_and_experts_are_copied(tmp_path):
    model = check_model(tiny_folder(tmp_path / "model"))
    plain = with_value(with_value(Job(), "model.dtype", "bfloat16"), "train.micro_batch", 2)
    plain = with_value(plain, "rows.max_tokens", 50)
    more = (
        estimate(with_kind(plain, "moe", "lora-experts"), model, None, computer(GB)).activations
        - estimate(plain, model, None, computer(GB)).activations
    )
    # 100 tokens of 32 numbers of 4 bytes, in two layers and five at work; four experts of size 16, copied in 2 bytes
    # for two layers and one at work
    assert more == 100 * 32 * 4 * (2 + 5) + 4 * 3 * 16 * (32 + 48) * 2 * 3
