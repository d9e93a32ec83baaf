"""How much memory training takes, part by part, from a model's shape. All results in bytes.

The figures for kept values were measured on 2026-11-23 with torch 2.13, transformers 5.23 and peft 0.21: the
storages that autograd keeps per token and layer, fitted over model widths, for the families in `SUPPORTED`.
"""

from dataclasses import dataclass

from engine.library.architectures import SUPPORTED, Linear, Shape, linears, stacked
from engine.library.model_folder import ModelInfo

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

# What torch, transformers and peft take before any model is there (process or device context).
ENGINE_BYTES = {"cpu": 450_000_000, "cuda": 600_000_000, "mps": 500_000_000}

# On a processor many middle-sized pieces that come and go leave gaps between them: with an adapter the process was
# 1.1 (bfloat16) to 1.6 times (float32) as large as what is kept, trained whole it was not.
GAPS = {("cpu", True): 1.5}

_GRADIENT_AND_ADAMW = 12  # float32: gradient, mean, mean of squares
_LOGIT = 16  # float32: the logits, their exponentials, and two gradients on the way back
_NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)  # four bits, a byte for 64 of them, and a float32 for 256 such bytes
_SCORE = 8  # per head and pair of tokens: capped scores and probabilities


@dataclass(frozen=True)
class Kept:
    """Bytes kept per token and layer, as multiples of hidden, feed-forward, query and key width.

    `chosen`: as a multiple of the hidden width for each expert that the token goes through, where there are some;
    there `intermediate` counts for each of them, too.
    """

    hidden: float
    intermediate: float
    query: float
    key: float
    chosen: float = 0.0


_KEPT = {
    ("lora", 4): Kept(15, 17, 14, 14),
    ("lora", 2): Kept(26, 11, 14, 10),  # peft copies each adapter's input to float32
    ("full", 4): Kept(24, 17, 17, 17),
}
# The same with experts, measured on 2026-11-26 with widths of 64 to 256, two to eight experts, two or four for a token.
_KEPT_MIXTURE = {
    ("lora", 4): Kept(1, 16, 14, 14, 8),
    ("lora", 2): Kept(9, 8.5, 14, 10, 4),
    ("full", 4): Kept(7, 16, 17, 17, 8),
}


@dataclass(frozen=True)
class Portion:
    """What goes through the model at once: tokens in all, the longest row, and tokens that are scored."""

    tokens: int
    longest: int
    scored: int


def weight_bytes(model: ModelInfo, width: int, is_compressed: bool) -> int:
    """The model's own weights at `width` bytes each; compressed, the matrices of its layers take a half byte."""
    if not is_compressed:
        return model.parameters * width
    matrices = model.layers * sum(linear.inputs * linear.outputs for linear in layer_linears(model))
    return int(matrices * _NF4) + (model.parameters - matrices) * width


def trained_bytes(trained: int, is_beside: bool) -> int:
    """Gradients and AdamW in float32, and the weights of what stands beside the model (its own count as weights)."""
    return trained * (_GRADIENT_AND_ADAMW + (DTYPE_BYTES["float32"] if is_beside else 0))


def activation_bytes(
    model: ModelInfo, portion: Portion, width: int, is_adapter: bool, recompute: bool, copied: int = 0
) -> int:
    """What is kept for the way back, plus one layer at work; `recompute` keeps each layer's input alone.

    `width` is the bytes of a number of the model. `copied`: numbers of a layer's own weights that are made anew in
    every pass, and kept.
    """
    layer = portion.tokens * _layer_bytes(model, portion, width, is_adapter) + copied * width
    kept = portion.tokens * model.hidden * width if recompute else layer
    return int(model.layers * kept + layer)


def logit_bytes(model: ModelInfo, portion: Portion) -> int:
    """The scores of every word of the vocabulary at each scored token."""
    return portion.scored * model.vocab * _LOGIT


def layer_linears(model: ModelInfo) -> tuple[Linear, ...]:
    """The weight matrices of one layer, experts apart."""
    return linears(model.model_type, shape_in(model))


def layer_experts(model: ModelInfo) -> tuple[Linear, ...]:
    """The matrices of one of a layer's experts; none where the model is dense."""
    return stacked(shape_in(model))


def shape_in(model: ModelInfo) -> Shape:
    """The numbers that decide a model's matrices."""
    return Shape(
        layers=model.layers,
        hidden=model.hidden,
        intermediate=model.intermediate,
        heads=model.heads,
        kv_heads=model.kv_heads,
        head_dim=model.head_dim,
        vocab=model.vocab,
        context=model.context,
        experts=model.experts,
        top_k=model.top_k,
        shared=model.shared,
    )


def _layer_bytes(model: ModelInfo, portion: Portion, width: int, is_adapter: bool) -> float:
    """Bytes that one token keeps in one layer."""
    kinds = _KEPT_MIXTURE if model.experts else _KEPT
    kept = kinds["lora" if is_adapter else "full", width if is_adapter else 4]
    query, key = model.heads * model.head_dim, model.kv_heads * model.head_dim
    chosen, inner = model.top_k, model.intermediate
    if model.experts:
        inner = chosen * model.intermediate + model.shared
    sizes = (kept.hidden + kept.chosen * chosen) * model.hidden + kept.intermediate * inner
    scores = model.heads * portion.longest * _SCORE if SUPPORTED[model.model_type].keeps_scores else 0
    return sizes + kept.query * query + kept.key * key + scores
