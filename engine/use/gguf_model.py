"""A model in GGUF's words: its architecture, the numbers that describe it, tensor names and layouts.

Llama, Mistral (without a sliding window), Qwen2, Qwen3, and with experts Mixtral and Qwen3-MoE; everything else is
refused before a byte is written, for a wrong file loads without complaint and answers nonsense.
"""

import math
from collections.abc import Iterator
from typing import Any

import gguf
import numpy as np
import torch

from engine.job.errors import ModelError
from engine.library.export_plan import OTHER_WAY, gguf_problem

ARCHITECTURES = {
    "llama": gguf.MODEL_ARCH.LLAMA,
    "mistral": gguf.MODEL_ARCH.LLAMA,
    "qwen2": gguf.MODEL_ARCH.QWEN2,
    "qwen3": gguf.MODEL_ARCH.QWEN3,
    "mixtral": gguf.MODEL_ARCH.LLAMA,
    "qwen3_moe": gguf.MODEL_ARCH.QWEN3MOE,
}


def check_architecture(config: Any) -> None:  # Any: each family has its own config class
    """Raise ModelError when GGUF has no place for this model or we do not know it."""
    title, advice = gguf_problem(config.model_type, getattr(config, "norm_topk_prob", True))
    if title:
        raise ModelError(title, advice)
    window = _sliding_window(config)
    if window is not None and window < config.max_position_embeddings:
        raise ModelError(f"This model looks back {window} tokens only, which GGUF cannot say.", OTHER_WAY)
    if config.hidden_act != "silu":
        raise ModelError(f"GGUF has no place for this model's '{config.hidden_act}' activation.", OTHER_WAY)
    rope = config.rope_parameters
    if rope["rope_type"] not in _ROPE_TYPES or rope.get("partial_rotary_factor", 1.0) != 1.0:
        raise ModelError(f"Positions of type '{rope['rope_type']}' are not written to GGUF.", OTHER_WAY)
    if config.model_type == "qwen3_moe":
        _check_qwen3_moe(config)


def add_description(writer: gguf.GGUFWriter, config: Any) -> None:
    """Sizes and constants of the model."""
    head = head_size(config)
    writer.add_vocab_size(config.vocab_size)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_block_count(config.num_hidden_layers)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_key_length(head)
    writer.add_value_length(head)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_dimension_count(head)
    rope = config.rope_parameters
    writer.add_rope_freq_base(rope["rope_theta"])
    if rope["rope_type"] == "linear":
        writer.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        writer.add_rope_scaling_factor(rope["factor"])
    if has_experts(config):
        writer.add_expert_count(config.num_experts)
        writer.add_expert_used_count(config.num_experts_per_tok)
    if config.model_type == "qwen3_moe":
        writer.add_expert_feed_forward_length(config.moe_intermediate_size)


def has_experts(config: Any) -> bool:
    """Whether the model's feed-forward parts are mixtures of experts."""
    return config.model_type in ("mixtral", "qwen3_moe")


def named_tensors(model: Any) -> Iterator[tuple[str, torch.Tensor]]:
    """GGUF's name and layout for every tensor of a transformers model, one after the other.

    An output matrix that is tied to the embeddings is left out: llama.cpp takes the embeddings then.
    """
    config = model.config
    names = gguf.get_tensor_name_map(ARCHITECTURES[config.model_type], config.num_hidden_layers)
    if config.rope_parameters["rope_type"] == "llama3":
        yield "rope_freqs.weight", llama3_divisors(config)
    for name, tensor in model.state_dict().items():
        if name == "lm_head.weight" and config.tie_word_embeddings:
            continue
        for part, values in _apart(name, tensor):
            new = names.get_name(part, try_suffixes=(".weight", ".bias"))
            if new is None:
                raise ModelError(f"GGUF has no place for this model's tensor '{name}'.", OTHER_WAY)
            yield new, _laid_out(name, values, config)


def interleave(weight: torch.Tensor, heads: int) -> torch.Tensor:
    """Rows of a query or key matrix `(H * D, ...)`, from two halves of each head to neighbouring pairs.

    transformers rotates dimension i with i + D/2, llama.cpp's Llama rotates 2i with 2i + 1.
    """
    halves = weight.reshape(heads, 2, weight.shape[0] // heads // 2, *weight.shape[1:])
    return halves.transpose(1, 2).reshape(weight.shape)


def llama3_divisors(config: Any) -> torch.Tensor:
    """`(D/2,)`: by what Llama 3.1's long-context scaling divides each rotation frequency."""
    rope, head = config.rope_parameters, head_size(config)
    low, high = rope["low_freq_factor"], rope["high_freq_factor"]
    frequencies = rope["rope_theta"] ** -(torch.arange(0, head, 2, dtype=torch.float64) / head)
    turns = rope["original_max_position_embeddings"] * frequencies / (2 * math.pi)
    # Fewer than `low` turns in the old context: slowed by the whole factor; more than `high`: not at all.
    kept = ((turns - low) / (high - low)).clamp(0, 1)
    divisors: torch.Tensor = 1 / ((1 - kept) / rope["factor"] + kept)
    return divisors.float()


def head_size(config: Any) -> int:
    """Width of one attention head."""
    given = getattr(config, "head_dim", None)
    return int(given or config.hidden_size // config.num_attention_heads)


def as_array(tensor: torch.Tensor) -> "np.ndarray[Any, np.dtype[np.float32]]":
    """The tensor as float32 numbers for gguf."""
    array: np.ndarray[Any, np.dtype[np.float32]] = tensor.detach().float().cpu().contiguous().numpy()
    return array


def is_router(name: str) -> bool:
    """Whether a GGUF tensor chooses experts. It stays in 32 bits: rounding it would send tokens elsewhere."""
    return name.endswith(".ffn_gate_inp.weight")


_ROPE_TYPES = ("default", "linear", "llama3")


def _check_qwen3_moe(config: Any) -> None:
    """llama.cpp's graph of this architecture has neither biases in attention nor divided rotation frequencies."""
    if config.attention_bias:
        raise ModelError("GGUF has no place for the biases in this Qwen3-MoE model's attention.", OTHER_WAY)
    if config.rope_parameters["rope_type"] == "llama3":
        raise ModelError("Positions of type 'llama3' are not written to GGUF for Qwen3-MoE.", OTHER_WAY)


def _apart(name: str, tensor: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
    """A tensor under the name that GGUF's table knows; a layer's stacked experts (E, 2I, D) as gate and up (E, I, D)."""
    if not name.endswith(("experts.gate_up_proj", "experts.down_proj")):
        yield name, tensor
    elif name.endswith("down_proj"):
        yield f"{name}.weight", tensor
    else:
        gate, up = tensor.chunk(2, dim=1)
        stem = name.removesuffix("gate_up_proj")
        yield f"{stem}gate_proj.weight", gate
        yield f"{stem}up_proj.weight", up


def _sliding_window(config: Any) -> int | None:
    if "sliding_attention" not in (getattr(config, "layer_types", None) or ["sliding_attention"]):
        return None
    if not getattr(config, "use_sliding_window", True):  # Qwen2 and Qwen3 name a width they do not use
        return None
    window: int | None = getattr(config, "sliding_window", None)
    return window


def _laid_out(name: str, tensor: torch.Tensor, config: Any) -> torch.Tensor:
    if ARCHITECTURES[config.model_type] is gguf.MODEL_ARCH.LLAMA:
        if ".q_proj." in name:
            return interleave(tensor, config.num_attention_heads)
        if ".k_proj." in name:
            return interleave(tensor, config.num_key_value_heads)
    return tensor
