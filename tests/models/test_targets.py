import pytest
from transformers import (
    GPT2Config,
    GPT2LMHeadModel,
    MixtralConfig,
    MixtralForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
)

from engine.models.targets import target_names
from tests.models.tiny_models import FAMILIES, tiny_model

ATTENTION = ["k_proj", "o_proj", "q_proj", "v_proj"]
MLP = ["down_proj", "gate_proj", "up_proj"]
SMALL = {
    "vocab_size": 50,
    "hidden_size": 16,
    "intermediate_size": 24,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.mark.parametrize("family", FAMILIES)
def test_parts_are_found_in_every_family(family):
    model = tiny_model(family)
    assert target_names(model, "attention") == ATTENTION
    assert target_names(model, "mlp") == MLP
    assert target_names(model, "all-linear") == sorted(ATTENTION + MLP)


def test_fused_matrices_are_found():
    model = Phi3ForCausalLM(Phi3Config(**SMALL, pad_token_id=0, eos_token_id=1, bos_token_id=2))
    assert target_names(model, "all-linear") == ["down_proj", "gate_up_proj", "o_proj", "qkv_proj"]


def test_a_name_that_means_two_things_is_written_as_a_path():
    model = GPT2LMHeadModel(GPT2Config(vocab_size=50, n_embd=16, n_layer=1, n_head=2))
    assert target_names(model, "attention") == ["transformer.h.0.attn.c_attn", "transformer.h.0.attn.c_proj"]
    assert target_names(model, "all-linear") == ["c_attn", "c_fc", "c_proj"]


def test_a_router_is_never_a_target():
    model = MixtralForCausalLM(MixtralConfig(**SMALL, num_key_value_heads=1, num_local_experts=2))
    assert target_names(model, "all-linear") == ATTENTION
