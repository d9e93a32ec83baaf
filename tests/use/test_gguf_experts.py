"""Models of experts as GGUF files: what a reader of its own computes from the file alone, and what is refused."""

import gguf
import numpy as np
import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from engine.job.errors import ModelError
from engine.library.export_plan import GGUF_FAMILIES
from engine.models.upcycle import Growth, upcycled
from engine.use.gguf import Label, write_gguf
from engine.use.gguf_model import ARCHITECTURES
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_model, tiny_tokenizer
from tests.use import gguf_forward

IDS = torch.arange(3, 35).reshape(2, 16)
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 10000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}
GROWN = {
    "llama": {"tie_word_embeddings": True, "rms_norm_eps": 1e-3},
    "mistral": {"head_dim": 16, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 5e3}},
    "qwen3": {"head_dim": 16, "num_key_value_heads": 4},
}


def grown(family, experts=4, top_k=2, noise=0.5, **changes):
    """A dense model grown into experts that differ."""
    return upcycled(tiny_model(family, **changes), Growth(experts, top_k, seed=1, noise=noise))


def written(folder, model, kind="f32"):
    path = folder / "model.gguf"
    write_gguf(model, tiny_tokenizer(), path, kind=kind, label=Label("tiny", "base"), turn_ends=[2])
    return path


def logits(model):
    with torch.no_grad():
        return model(input_ids=IDS).logits


@pytest.mark.parametrize("family", ["mixtral", "qwen3-moe"])
def test_a_reader_of_its_own_computes_the_models_logits_from_the_file_alone(family, tmp_path):
    model = model_of(family)
    found = gguf_forward.logits(written(tmp_path, model), IDS)
    torch.testing.assert_close(found, logits(model), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("experts", "top_k"), [(4, 2), (8, 4), (2, 2)])
@pytest.mark.parametrize("family", GROWN)
def test_so_it_does_for_what_dense_models_grow_into(family, experts, top_k, tmp_path):
    model = grown(family, experts, top_k, **GROWN[family])
    found = gguf_forward.logits(written(tmp_path, model), IDS)
    torch.testing.assert_close(found, logits(model), atol=1e-4, rtol=0)


def test_positions_that_llama_3_stretches_are_stretched_in_the_file_too(tmp_path):
    model = grown("llama", rope_parameters=LLAMA3)
    found = gguf_forward.logits(written(tmp_path, model), IDS)
    torch.testing.assert_close(found, logits(model), atol=1e-4, rtol=0)


def test_the_reader_would_notice_weights_that_do_not_add_up_to_one(tmp_path):
    path, model = tmp_path, model_of("mixtral")
    other = gguf_forward.logits(written(path, model), IDS, adds_to_one=False)
    assert (other - logits(model)).abs().max() > 0.1


@pytest.mark.parametrize("kind", ["f16", "bf16", "q8_0"])
@pytest.mark.parametrize("family", ["llama", "qwen3"])
def test_smaller_types_stay_close(family, kind, tmp_path):
    """By divergence and agreement, not by the largest difference: rounding may send a token to another expert."""
    model = grown(family, initializer_range=0.1, intermediate_size=64)
    found, expected = gguf_forward.logits(written(tmp_path, model, kind), IDS), logits(model)
    one, other = expected.log_softmax(-1), found.log_softmax(-1)
    assert (one.exp() * (one - other)).sum(-1).mean() < 0.01
    assert (one.argmax(-1) == other.argmax(-1)).float().mean() > 0.9


def test_experts_are_packed_row_by_row_and_the_router_stays_in_32_bits(tmp_path):
    model = grown("llama", intermediate_size=64)
    file = gguf_forward.File(written(tmp_path, model, "q8_0"))
    for name in ("gate", "up", "down"):
        assert file.kinds[f"blk.0.ffn_{name}_exps.weight"] == "Q8_0"
    assert file.kinds["blk.0.ffn_gate_inp.weight"] == file.kinds["blk.0.ffn_norm.weight"] == "F32"
    raw = file.raw["blk.1.ffn_down_exps.weight"]
    assert raw.shape == (4, 32, 64 // 32 * 34)  # a block: 32 numbers of a byte and a scale of two
    row = model.model.layers[1].mlp.experts.down_proj[2, 5].numpy()
    alone = gguf.quants.quantize(row[None], gguf.GGMLQuantizationType.Q8_0)
    assert np.array_equal(raw[2, 5], alone[0])


def test_rows_that_do_not_fill_blocks_of_32_stay_in_16_bit(tmp_path):
    file = gguf_forward.File(written(tmp_path, grown("qwen3"), "q8_0"))
    assert file.kinds["blk.0.ffn_down_exps.weight"] == "F16"  # 48 wide
    assert file.kinds["blk.0.ffn_up_exps.weight"] == "Q8_0"  # 32 wide


def test_the_file_says_how_many_experts_there_are_and_how_wide(tmp_path):
    mixtral = gguf_forward.File(written(tmp_path, grown("mistral", 8, 2)))
    assert mixtral.architecture == "llama"  # as llama.cpp has Mixtral
    assert (mixtral.facts["expert_count"], mixtral.facts["expert_used_count"]) == (8, 2)
    assert mixtral.facts["feed_forward_length"] == 48
    assert mixtral.tensors["blk.0.ffn_up_exps.weight"].shape == (8, 48, 32)
    qwen3 = gguf_forward.File(written(tmp_path, model_of("qwen3-moe")))
    assert qwen3.architecture == "qwen3moe"
    assert (qwen3.facts["expert_feed_forward_length"], qwen3.facts["feed_forward_length"]) == (24, 48)


def test_transformers_own_reader_finds_the_same_qwen3_moe(tmp_path):
    model = model_of("qwen3-moe")
    path = written(tmp_path, model)
    config = AutoConfig.from_pretrained(tmp_path, gguf_file=path.name)
    config.moe_intermediate_size = 24  # which it passes over
    again = AutoModelForCausalLM.from_pretrained(
        tmp_path, gguf_file=path.name, config=config, dtype=torch.float32
    )
    torch.testing.assert_close(logits(again.eval()), logits(model), atol=1e-4, rtol=0)


def changed(family, **values):
    model = model_of(family)
    for name, value in values.items():
        setattr(model.config, name, value)
    return model


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: grown("qwen2"), "weighs the experts of Qwen2-MoE models in another way"),
        (lambda: model_of("qwen2-moe"), "GGUF is written for .* this one is 'qwen2_moe'"),
        (lambda: model_of("olmoe"), "this one is 'olmoe'"),
        (lambda: changed("olmoe", norm_topk_prob=True), "not add up to one; in this model they do "),
        (lambda: changed("qwen3-moe", norm_topk_prob=False), "add up to one; in this model they do not"),
        (lambda: changed("qwen3-moe", attention_bias=True), "biases"),
        (lambda: changed("qwen3-moe", rope_parameters=LLAMA3), "llama3"),
        (lambda: model_of("sliding mixtral"), "looks back 4 tokens"),
    ],
)
def test_what_llama_cpp_would_compute_otherwise_is_refused_before_a_byte_is_written(make, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        written(tmp_path, make())
    assert not list(tmp_path.iterdir())


def test_the_window_and_the_writer_know_the_same_families():
    assert set(GGUF_FAMILIES) == set(ARCHITECTURES)
