"""What one token keeps in one layer for the way back, fitted to what autograd was seen to keep.

Measured on 2026-11-26 with torch 2.13, transformers 5.23 and peft 0.21: the storages that `saved_tensors_hooks` sees,
weights left out, per token of a third layer, for six combinations of widths of Llama and Qwen 3 and one of each other
family. Every coefficient came out as a whole number of tensors; what is rounded is rounded up.
"""

from dataclasses import dataclass
from typing import Literal

from engine.job.job import Job
from engine.job.lora_settings import LoraSettings
from engine.library.architectures import SUPPORTED
from engine.library.model_folder import ModelInfo


@dataclass(frozen=True)
class Kept:
    """Bytes per token and layer, as multiples of hidden, feed-forward, query and key width.

    `norm` is for each normalisation of the hidden states beyond two, `per_head` where queries and keys are normalised;
    `rank` for each rank of each matrix with LoRA. `plain_attention` is added to a query's width where sequences do not
    go one after another: keys and values are then repeated for every head.
    """

    hidden: float
    intermediate: float
    query: float
    key: float
    norm: float
    per_head: float
    rank: float
    plain_attention: float


_KEPT = {
    ("lean", 4): Kept(16, 8, 8, 8, 4, 4, 4, 8),
    ("lean", 2): Kept(8, 4, 4, 4, 2, 2, 2, 4),
    ("adapter", 4): Kept(16, 16, 8, 8, 8, 4, 4, 8),
    ("adapter", 2): Kept(28, 10, 6, 4, 4, 4, 4, 6),  # peft copies each adapter's input to float32
    ("full", 4): Kept(24, 16, 8, 8, 8, 8, 0, 8),
    ("full", 2): Kept(26, 8, 4, 4, 8, 6, 0, 4),
}
# Where a layer has experts: hidden width, and for each expert that a token goes through hidden and its inner width. What
# frozen experts keep; LoRA within them keeps what goes into each of their two stacks as well.
_ROUTED = {
    ("lean", 4): (12, 4, 12),
    ("lean", 2): (6, 2, 6),
    ("adapter", 4): (12, 4, 12),
    ("adapter", 2): (20, 2, 6),
    ("full", 4): (24, 8, 16),
    ("full", 2): (24, 4, 8),
}
_ROUTER = 4  # LoRA experts' router reads float32
_UNGATED = {
    "fused": 9.0,
    "plain": 4.0,
    "gpt2": 4.0,
}  # feed-forward width, bfloat16, where the lean way has no gate
_SCORE = 8  # per head and pair of tokens: capped scores and probabilities


def is_lean(job: Job) -> bool:
    """Whether the job's adapter is one whose matrix products keep their input alone (`engine.models.lean`)."""
    settings = job.adapter.settings
    is_plain = isinstance(settings, LoraSettings) and not settings.dora and settings.dropout == 0
    return is_plain and job.model.quantization == "none" and job.train.fast == "auto"


def kind_of(job: Job, is_adapter: bool) -> str:
    """Which of the measured kinds a job is: "lean", "adapter" (by PEFT or our own) or "full"."""
    if not is_adapter:
        return "full"
    return "lean" if is_lean(job) else "adapter"


@dataclass(frozen=True)
class Keeping:
    """How a layer is done: its kind (`kind_of`), bytes of a number that it computes with, the rank of its adapters.

    `is_packed`: sequences go through one after another. `experts`: LoRA experts stand "beside" a dense feed-forward
    part, or LoRA is "within" the model's own.
    """

    kind: str
    width: int
    rank: int = 0
    is_packed: bool = True
    experts: Literal["", "beside", "within"] = ""


def layer_bytes(model: ModelInfo, matrices: int, longest: int, keeping: Keeping) -> float:
    """Bytes that one token keeps in one layer of so many matrices; `longest` is the longest sequence, in tokens."""
    family, kept = SUPPORTED[model.model_type], _KEPT[keeping.kind, keeping.width]
    query, key = model.heads * model.head_dim, model.kv_heads * model.head_dim
    found = kept.query * query + kept.key * key + _of_feed_forward(model, kept, keeping)
    found += max(0, family.norms.in_layer - 2) * kept.norm * model.hidden
    found += kept.per_head * (query + key) * bool(family.norms.of_queries)
    found += kept.rank * keeping.rank * matrices
    if not keeping.is_packed:
        found += kept.plain_attention * query
        found += model.heads * longest * _SCORE if family.keeps_scores else 0
    return found


def _of_feed_forward(model: ModelInfo, kept: Kept, keeping: Keeping) -> float:
    """What the feed-forward part keeps, and all that is as wide as the hidden states."""
    layout, hidden, width = SUPPORTED[model.model_type].layout, kept.hidden, kept.intermediate
    if model.experts:
        hidden, chosen, width = _ROUTED[keeping.kind, keeping.width]
        more = keeping.width * (keeping.experts == "within")
        of_experts = (chosen + more) * model.hidden + (width + more) * model.intermediate
        return hidden * model.hidden + model.top_k * of_experts + kept.intermediate * model.shared
    if keeping.experts == "beside":
        hidden += _ROUTER * (keeping.width < _ROUTER)
    elif keeping.kind == "lean" and layout in _UNGATED:
        width = _UNGATED[layout] * keeping.width / 2
    return hidden * model.hidden + width * model.intermediate
