"""Tiny random models of every family that is trained, windows narrow enough to matter. Nothing on disk."""

from typing import Any

import torch
from transformers import (
    Gemma3ForCausalLM,
    Gemma3TextConfig,
    GemmaConfig,
    GemmaForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GraniteConfig,
    GraniteForCausalLM,
    MixtralConfig,
    MixtralForCausalLM,
    Olmo2Config,
    Olmo2ForCausalLM,
    Olmo3Config,
    Olmo3ForCausalLM,
    OlmoeConfig,
    OlmoeForCausalLM,
    Phi3Config,
    Phi3ForCausalLM,
    Qwen2MoeConfig,
    Qwen2MoeForCausalLM,
    Qwen3MoeConfig,
    Qwen3MoeForCausalLM,
    SmolLM3Config,
    SmolLM3ForCausalLM,
    Starcoder2Config,
    Starcoder2ForCausalLM,
)

from tests.models.tiny_models import FAMILIES, tiny_model

SIZE = {"vocab_size": 400, "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 2}
SIZE |= {"num_attention_heads": 4, "num_key_value_heads": 2, "initializer_range": 0.3}
ENDS = {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
_MORE = {
    "gpt2": lambda: GPT2LMHeadModel(
        GPT2Config(vocab_size=400, n_embd=32, n_layer=2, n_head=4, initializer_range=0.3)
    ),
    "phi3": lambda: Phi3ForCausalLM(Phi3Config(**SIZE, **ENDS)),
    "gemma3": lambda: Gemma3ForCausalLM(Gemma3TextConfig(**SIZE, **ENDS, head_dim=8, sliding_window=4)),
    "mixtral": lambda: MixtralForCausalLM(MixtralConfig(**SIZE, num_local_experts=4)),
    "qwen3-moe": lambda: Qwen3MoeForCausalLM(
        Qwen3MoeConfig(
            **SIZE,
            **ENDS,
            head_dim=8,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=24,
            norm_topk_prob=True,
        )
    ),
    "olmoe": lambda: OlmoeForCausalLM(OlmoeConfig(**SIZE, **ENDS, num_experts=4, num_experts_per_tok=2)),
    "sliding mistral": lambda: tiny_model("mistral", sliding_window=4),
    "gemma": lambda: GemmaForCausalLM(GemmaConfig(**SIZE, **ENDS, head_dim=8)),
    "granite": lambda: GraniteForCausalLM(GraniteConfig(**SIZE, **ENDS, logits_scaling=2.0)),
    "olmo2": lambda: Olmo2ForCausalLM(Olmo2Config(**SIZE, **ENDS)),
    "olmo3": lambda: Olmo3ForCausalLM(
        Olmo3Config(**SIZE, **ENDS, sliding_window=4, layer_types=["sliding_attention", "full_attention"])
    ),
    "smollm3": lambda: SmolLM3ForCausalLM(SmolLM3Config(**SIZE, **ENDS)),
    "starcoder2": lambda: Starcoder2ForCausalLM(Starcoder2Config(**SIZE, **ENDS, sliding_window=4)),
    "sliding qwen2": lambda: tiny_model(
        "qwen2",
        use_sliding_window=True,
        sliding_window=4,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "sliding gemma2": lambda: tiny_model("gemma2", sliding_window=4),
    "sliding phi3": lambda: Phi3ForCausalLM(Phi3Config(**SIZE, **ENDS, sliding_window=4)),
    "sliding mixtral": lambda: MixtralForCausalLM(
        MixtralConfig(**SIZE, num_local_experts=4, sliding_window=4)
    ),
    "qwen2-moe": lambda: Qwen2MoeForCausalLM(
        Qwen2MoeConfig(
            **SIZE,
            **ENDS,
            num_experts=4,
            num_experts_per_tok=2,
            moe_intermediate_size=24,
            shared_expert_intermediate_size=24,
        )
    ),
}
ALL_FAMILIES = [*FAMILIES, *_MORE]


def model_of(family: str) -> Any:
    """A random two-layer model of the family, in float32."""
    torch.manual_seed(0)
    return (_MORE[family]() if family in _MORE else tiny_model(family)).eval()
