"""Which model families can be trained and what their layers are made of. A new family is one line."""

from collections.abc import Iterator, Mapping
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
class Experts:
    """How a family with experts names them: their block in the weights file, and the two sizes in its config.

    `names`: an expert's three matrices in the file, those that read first, the way back last. `counts`: the config's
    names for how many there are, as older and newer versions of transformers write them.
    """

    block: str = "mlp"
    names: tuple[str, str, str] = ("gate_proj", "up_proj", "down_proj")
    width: str = "moe_intermediate_size"
    counts: tuple[str, ...] = ("num_experts", "num_local_experts")


@dataclass(frozen=True)
class Architecture:
    """A family: the class that transformers builds, its layers' matrices, and defaults left out of configs.

    `keeps_scores` tells that its attention holds a number for every pair of tokens (no fused kernel fits it).
    `experts`: its feed-forward part is a mixture of experts; None for a dense family.
    """

    class_name: str
    layout: str = "gated"
    defaults: Mapping[str, int] = field(default_factory=dict)
    keeps_scores: bool = False
    norms: Norms = field(default_factory=Norms)
    experts: Experts | None = None


@dataclass(frozen=True)
class Linear:
    """One weight matrix of every layer; `part` is "attention" or "mlp"."""

    name: str
    inputs: int
    outputs: int
    part: str


@dataclass(frozen=True)
class Shape:
    """The numbers of a config that decide every matrix.

    `intermediate` is the width of one expert where there are `experts` (0: none), of which each token gets `top_k`;
    `shared` is the width of an expert that every token gets beside them (0: there is none).
    """

    layers: int
    hidden: int
    intermediate: int
    heads: int
    kv_heads: int
    head_dim: int
    vocab: int
    context: int
    experts: int = 0
    top_k: int = 0
    shared: int = 0


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
    "mixtral": Architecture(
        "MixtralForCausalLM",
        "experts",
        {"num_key_value_heads": 8, "experts": 8, "top_k": 2},
        experts=Experts("block_sparse_moe", ("w1", "w3", "w2"), "intermediate_size"),
    ),
    "qwen2_moe": Architecture(
        "Qwen2MoeForCausalLM",
        "experts",
        {"num_key_value_heads": 16, "experts": 60, "top_k": 4, "width": 1408, "shared": 5632},
        experts=Experts(),
    ),
    "qwen3_moe": Architecture(
        "Qwen3MoeForCausalLM",
        "experts",
        {"num_key_value_heads": 4, "experts": 128, "top_k": 8, "width": 768},
        norms=Norms(of_queries="head"),
        experts=Experts(),
    ),
    "olmoe": Architecture(
        "OlmoeForCausalLM",
        "experts",
        {"experts": 64, "top_k": 8},
        norms=Norms(of_queries="all"),
        experts=Experts(width="intermediate_size"),
    ),
}


def shape_of(config: Mapping[str, Any]) -> Shape:  # Any: JSON values
    """The numbers of a `config.json`, with the family's defaults; raises KeyError or TypeError when they lack."""
    if config["model_type"] == "gpt2":
        return _gpt2_shape(config)
    family = SUPPORTED[config["model_type"]]
    defaults, mixture = family.defaults, family.experts
    hidden, heads = int(config["hidden_size"]), int(config["num_attention_heads"])
    kv_heads = config.get("num_key_value_heads") or defaults.get("num_key_value_heads") or heads
    head_dim = config.get("head_dim") or defaults.get("head_dim") or hidden // heads
    return Shape(
        layers=int(config["num_hidden_layers"]),
        hidden=hidden,
        intermediate=_width(config, family),
        heads=heads,
        kv_heads=int(kv_heads),
        head_dim=int(head_dim),
        vocab=int(config["vocab_size"]),
        context=int(config.get("max_position_embeddings") or 0),
        **({} if mixture is None else _mixture_sizes(config, mixture, defaults)),
    )


def linears(model_type: str, shape: Shape) -> tuple[Linear, ...]:
    """The weight matrices of one layer, named as in the weights file."""
    layout = SUPPORTED[model_type].layout
    if layout == "gpt2":
        return _gpt2_linears(shape)
    hidden, query, key = shape.hidden, shape.heads * shape.head_dim, shape.kv_heads * shape.head_dim
    attention, width = [("q_proj", query), ("k_proj", key), ("v_proj", key)], shape.intermediate
    feed, back = [("mlp.gate_proj", width), ("mlp.up_proj", width)], "mlp.down_proj"
    if layout == "fused":
        attention, feed = [("qkv_proj", query + 2 * key)], [("mlp.gate_up_proj", 2 * width)]
    elif layout == "plain":
        feed, back = [("mlp.c_fc", width)], "mlp.c_proj"
    elif layout == "experts":
        shared, width = "mlp.shared_expert.", shape.shared
        feed, back = [(f"{shared}{name}", width) for name in ("gate_proj", "up_proj")], f"{shared}down_proj"
    return (
        *(Linear(f"self_attn.{name}", hidden, outputs, "attention") for name, outputs in attention),
        Linear("self_attn.o_proj", query, hidden, "attention"),
        *(Linear(name, hidden, outputs, "mlp") for name, outputs in feed if outputs),
        *([Linear(back, width, hidden, "mlp")] if width else []),
    )


def stacked(shape: Shape) -> tuple[Linear, ...]:
    """The matrices of one expert as transformers holds those of all experts, one behind the other; none if dense."""
    if not shape.experts:
        return ()
    return (
        Linear("mlp.experts.gate_up_proj", shape.hidden, 2 * shape.intermediate, "mlp"),
        Linear("mlp.experts.down_proj", shape.intermediate, shape.hidden, "mlp"),
    )


def expert_tensors(model_type: str, shape: Shape) -> Iterator[tuple[str, tuple[int, int]]]:
    """What one layer's experts and routers are called in the weights file, and how they are shaped."""
    mixture = SUPPORTED[model_type].experts
    if mixture is None:
        return
    *reading, back = mixture.names
    for expert in range(shape.experts):
        for name in reading:
            yield f"{mixture.block}.experts.{expert}.{name}.weight", (shape.intermediate, shape.hidden)
        yield f"{mixture.block}.experts.{expert}.{back}.weight", (shape.hidden, shape.intermediate)
    yield f"{mixture.block}.gate.weight", (shape.experts, shape.hidden)
    if shape.shared:
        yield f"{mixture.block}.shared_expert_gate.weight", (1, shape.hidden)


def stored_shape(model_type: str, linear: Linear) -> tuple[int, int]:
    """How a matrix stands in the weights file: GPT-2 stores its own the other way round."""
    is_turned = SUPPORTED[model_type].layout == "gpt2"
    return (linear.inputs, linear.outputs) if is_turned else (linear.outputs, linear.inputs)


def _width(config: Mapping[str, Any], family: Architecture) -> int:
    name = family.experts.width if family.experts else "intermediate_size"
    return int(config.get(name, family.defaults["width"]) if "width" in family.defaults else config[name])


def _mixture_sizes(
    config: Mapping[str, Any], mixture: Experts, defaults: Mapping[str, int]
) -> dict[str, int]:
    found = next((config[name] for name in mixture.counts if name in config), defaults["experts"])
    has_shared = "shared" in defaults
    return {
        "experts": int(found),
        "top_k": int(config.get("num_experts_per_tok", defaults["top_k"])),
        "shared": int(config.get("shared_expert_intermediate_size", defaults["shared"])) if has_shared else 0,
    }


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
