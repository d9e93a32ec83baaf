"""How much memory training takes, part by part, from a model's shape. All results in bytes.

What layers keep for the way back is in `engine.library.kept_values`.
"""

from dataclasses import dataclass

from engine.library.architectures import Linear, Shape, linears, stacked
from engine.library.kept_values import Keeping, layer_bytes
from engine.library.model_folder import ModelInfo

DTYPE_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}

# What torch, transformers and peft take before any model is there (process or device context).
ENGINE_BYTES = {"cpu": 450_000_000, "cuda": 600_000_000, "mps": 500_000_000}

# On a processor many middle-sized pieces that come and go leave gaps between them: with PEFT's adapters the process was
# 1.1 (bfloat16) to 1.6 times (float32) as large as what is kept, trained whole it was not.
GAPS = {("cpu", "adapter"): 1.5}

# How many layers' worth of values come and go on the way back. A lean layer keeps few, but makes as many as others; on
# a processor with gaps (measured on 40 million weights, 6,200 tokens at a time: the process came out 0.86 to 1.12 times
# as large as it was, in 16 and 32 bits, with and without layers computed again).
_AT_WORK = {("cpu", "lean"): 5, ("cuda", "lean"): 2, ("mps", "lean"): 2}

_GRADIENT = 4  # float32
_ADAMW = {
    "adamw": 8.0,
    "adamw-8bit": 2 + 2 * 4 / 256,
}  # mean and mean of squares; 8 bits: and a float32 for 256 each
_NF4 = 0.5 + 1 / 64 + 4 / (64 * 256)  # four bits, a byte for 64 of them, and a float32 for 256 such bytes

# The head looks at so many scores at a time, of at least and at most so many words (`engine.models.tiles`); of each
# there are three numbers of 32 bits at a time, and three for each number of a scored token's hidden state.
_SCORES = {"cpu": 2**21, "cuda": 2**25}
_WORDS = {"cpu": (1024, 4096), "cuda": (4096, 32768)}
_LOGIT = 16  # float32: the logits, their exponentials, and two gradients on the way back
_THREE = 3 * 4


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


def trained_bytes(
    trained: int, is_beside: bool, optimizer: str = "adamw", gradients: int | None = None
) -> int:
    """Gradients and the optimizer's memory, and the weights of what stands beside the model (its own count as weights).

    `gradients` is how many numbers have one at the same time, by itself all that are trained.
    """
    own = DTYPE_BYTES["float32"] if is_beside else 0
    at_once = trained if gradients is None else gradients
    return int(trained * (_ADAMW[optimizer] + own)) + at_once * _GRADIENT


def optimizer_disk_bytes(trained: int, optimizer: str) -> int:
    """What the optimizer remembers, in a checkpoint."""
    return int(trained * _ADAMW[optimizer])


def largest_matrix(model: ModelInfo) -> int:
    """Numbers in the largest matrix of the model; the experts of a layer are two, one behind the other."""
    stacks = (model.experts * matrix.inputs * matrix.outputs for matrix in layer_experts(model))
    matrices = (linear.inputs * linear.outputs for linear in layer_linears(model))
    return max(model.vocab * model.hidden, *stacks, *matrices)


def activation_bytes(
    model: ModelInfo,
    portion: Portion,
    keeping: Keeping,
    device: str,
    recomputed: int = 0,
    offloads: bool = False,
    copied: int = 0,
) -> int:
    """What is kept for the way back, plus what is at work; of `recomputed` layers their input alone is kept.

    Where kept values go to main memory, those of one layer are here beside what is at work. `copied`: numbers of a
    layer's own weights that are made anew in every pass, and kept.
    """
    matrices = len(layer_linears(model))
    layer = portion.tokens * layer_bytes(model, matrices, portion.longest, keeping)
    inputs = portion.tokens * model.hidden * keeping.width
    copies = copied * keeping.width
    at_work = _AT_WORK.get((device, keeping.kind), 1) * layer + copies
    if offloads:
        return int(layer + copies + at_work)
    return int((model.layers - recomputed) * (layer + copies) + recomputed * inputs + at_work)


def head_bytes(model: ModelInfo, portion: Portion, device: str, is_tiled: bool = True) -> int:
    """Log-probabilities of the scored tokens: a tile of the vocabulary at a time, or else all its scores at once."""
    if not is_tiled:
        return portion.scored * model.vocab * _LOGIT
    lowest, highest = _WORDS.get(device, _WORDS["cpu"])
    words = min(
        max(_SCORES.get(device, _SCORES["cpu"]) // max(portion.scored, 1), lowest), highest, model.vocab
    )
    return _THREE * (portion.scored * (words + model.hidden) + words * model.hidden)


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
