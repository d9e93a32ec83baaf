"""Lean ways through models with experts: attention and norms take them, what stands among experts stays its own."""

import pytest
import torch
from peft.tuners.lora.layer import ParamWrapper

from engine.models.adapters import adapter_off
from engine.models.lean import leave_lean, take_lean
from engine.models.lora_experts import expert_parts
from tests.models.lean_cases import distance, low_rank, outcome
from tests.models.test_lora_experts import IDS, logits, mixture

MIXTURES = ["mixtral", "qwen2-moe", "qwen3-moe", "olmoe"]


def lean_names(model):
    """The modules that compute in our own way, by name."""
    return {name for name, part in model.named_modules() if "forward" in vars(part)}


@pytest.mark.parametrize("family", ["llama", "mistral", "qwen2", "qwen3"])
def test_lora_experts_stay_their_own_beside_lean_attention(family):
    tuned, before = mixture(family)
    own_logits, own_gradients = outcome(tuned, IDS)
    assert take_lean(tuned)
    found = lean_names(tuned)
    assert all(f"base_model.model.model.layers.1.self_attn.{name}_proj" in found for name in "qkvo")
    assert not any(name.endswith(("router", ".mlp")) for name in found)
    lean_logits, lean_gradients = outcome(tuned, IDS)
    assert distance(lean_logits, own_logits) < 1e-5
    assert lean_gradients.keys() == own_gradients.keys()
    for name, gradient in own_gradients.items():
        assert gradient.any(), name
        assert distance(lean_gradients[name], gradient) < 1e-4, name
    with adapter_off(tuned):
        assert torch.equal(logits(tuned), before)  # the dense part takes the lean way, to the last bit
    leave_lean(tuned)
    assert lean_names(tuned) == set()
    assert len(expert_parts(tuned)) == 2


@pytest.mark.parametrize("family", MIXTURES)
def test_lora_within_experts_is_left_to_peft(family):
    model = low_rank(family)
    wrapped = {name for name, part in model.named_modules() if isinstance(part, ParamWrapper)}
    assert wrapped
    assert take_lean(model)
    found = lean_names(model)
    assert not any(name.startswith(each) for name in found for each in wrapped)
    assert any("self_attn" in name for name in found)
    assert any(name.endswith("input_layernorm") for name in found)
    # The expert that every token of Qwen2-MoE goes through is an ordinary feed-forward part.
    assert any(name.endswith("mlp.shared_expert") for name in found) == (family == "qwen2-moe")
