"""Which model families can be trained and what their layers are made of. A new family is one line."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Norms:
    """The normalisation of a family: how many of the model's width a layer has, and whether they have biases.

    `of_queries`: "head" where queries and keys are normalised in each head, "all" over all heads.
    """

    in_layer: int = 2
    has_bias: bool = False
    of_queries: str = ""


@dataclass(frozen=True)
class Architecture:
    """A family: the class that transformers builds, its layers' matrices, and defaults left out of configs.

    `keeps_scores` tells that its attention holds a number for every pair of tokens (no fused kernel fits it).
    """

    class_name: str
    layout: str = "gated"
    defaults: Mapping[str, int] = field(default_factory=dict)
    keeps_scores: bool = False
    norms: Norms = field(default_factory=Norms)


@dataclass(frozen=True)
class Linear:
    """One weight matrix of every layer; `part` is "attention" or "mlp"."""

    name: str
    inputs: int
    outputs: int
    part: str


@dataclass(frozen=True)
class Shape:
    """The numbers of a config that decide every matrix."""

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int


SUPPORTED: dict[str, Architecture] = {
    "llama": Architecture("LlamaForCausalLM"),
    "qwen2": Architecture("Qwen2ForCausalLM", defaults={"num_key_value_heads": 32}),
    "qwen3": Architecture(
        "Qwen3ForCausalLM",
        defaults={"num_key_value_heads": 32, "head_dim": 128},
        norms=Norms(of_queries="head"),
    ),
    "mistral": Architecture("MistralForCausalLM", defaults={"num_key_value_heads": 8}),
    "gemma": Architecture("GemmaForCausalLM", defaults={"num_key_value_heads": 16, "head_dim": 256}),
    "gemma2": Architecture(
        "Gemma2ForCausalLM",
        defaults={"num_key_value_heads": 4, "head_dim": 256},
        keeps_scores=True,
        norms=Norms(4),
    ),
    "gemma3_text": Architecture(
        "Gemma3ForCausalLM",
        defaults={"num_key_value_heads": 4, "head_dim": 256},
        norms=Norms(4, of_queries="head"),
    ),
    "phi3": Architecture("Phi3ForCausalLM", "fused"),
    "gpt2": Architecture("GPT2LMHeadModel", "gpt2", norms=Norms(has_bias=True)),
    "smollm3": Architecture("SmolLM3ForCausalLM", defaults={"num_key_value_heads": 4}),
    "olmo2": Architecture("Olmo2ForCausalLM", norms=Norms(of_queries="all")),
    "olmo3": Architecture("Olmo3ForCausalLM", norms=Norms(of_queries="all")),
    "granite": Architecture("GraniteForCausalLM"),
    "starcoder2": Architecture(
        "Starcoder2ForCausalLM", "plain", {"num_key_value_heads": 2}, norms=Norms(has_bias=True)
    ),
}


def shape_of(config: Mapping[str, Any]) -> Shape:  # Any: JSON values
    """The numbers of a `config.json`, with the family's defaults; raises KeyError or TypeError when they lack."""
    if config["model_type"] == "gpt2":
        return _gpt2_shape(config)
    defaults = SUPPORTED[config["model_type"]].defaults
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    kv_heads = config.get("num_key_value_heads") or defaults.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or defaults.get("head_dim") or hidden // heads
    return Shape(
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        intermediate=int(config["intermediate_size"]),
        heads=heads,
        kv_heads=int(kv_heads),
        head_dim=int(head_dim),
        vocab=int(config["vocab_size"]),
        context=int(config.get("max_position_embeddings") or 0),
    )


def linears(model_type: str, shape: Shape) -> tuple[Linear, ...]:
    """The weight matrices of one layer, named as in the weights file."""
    layout = SUPPORTED[model_type].layout
    if layout == "gpt2":
        return _gpt2_linears(shape)
    hidden, query, key = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention = [("q_proj", query), ("k_proj", key), ("v_proj", key)]
    feed, back = [("gate_proj", shape.intermediate), ("up_proj", shape.intermediate)], "down_proj"
    if layout == "fused":
        attention, feed = [("qkv_proj", query + 2 * key)], [("gate_up_proj", 2 * shape.intermediate)]
    elif layout == "plain":
        feed, back = [("c_fc", shape.intermediate)], "c_proj"
    return (
        *(Linear(f"self_attn.{name}", hidden, outputs, "attention") for name, outputs in attention),
        Linear("self_attn.o_proj", query, hidden, "attention"),
        *(Linear(f"mlp.{name}", hidden, outputs, "mlp") for name, outputs in feed),
        Linear(f"mlp.{back}", shape.intermediate, hidden, "mlp"),
    )


def stored_shape(model_type: str, linear: Linear) -> tuple[int, int]:
    """How a matrix stands in the weights file: GPT-2 stores its own the other way round."""
    is_turned = SUPPORTED[model_type].layout == "gpt2"
    return (linear.inputs, linear.outputs) if is_turned else (linear.outputs, linear.inputs)


def _gpt2_shape(config: Mapping[str, Any]) -> Shape:
    hidden, heads = int(config.get("n_embd", 768)), int(config.get("n_head", 12))
    return Shape(
        layers=int(config.get("n_layer", 12)),
        hidden=hidden,
        intermediate=int(config.get("n_inner") or 4 * hidden),
        heads=heads,
        kv_heads=heads,
        head_dim=hidden // heads,
        vocab=int(config.get("vocab_size", 50257)),
        context=int(config.get("n_positions", 1024)),
    )


def _gpt2_linears(shape: Shape) -> tuple[Linear, ...]:
    hidden = shape.hidden
    return (
        Linear("attn.c_attn", hidden, 3 * hidden, "attention"),
        Linear("attn.c_proj", hidden, hidden, "attention"),
        Linear("mlp.c_fc", hidden, shape.intermediate, "mlp"),
        Linear("mlp.c_proj", shape.intermediate, hidden, "mlp"),
    )
