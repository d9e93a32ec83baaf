"""How many numbers each adapter trains, counted from a model's shape alone; exact for the supported families."""

from collections.abc import Callable, Iterator
from typing import Any

from engine.job.adapter_settings import (
    BottleneckSettings,
    FreezeSettings,
    FullSettings,
    LayerNormSettings,
    PrefixSettings,
    PromptSettings,
    PTuningSettings,
)
from engine.job.lora_settings import (
    DoraSettings,
    Ia3Settings,
    LohaSettings,
    LokrSettings,
    LoraSettings,
    OftSettings,
    VeraSettings,
)
from engine.library.architectures import SUPPORTED, Linear
from engine.library.memory_need import layer_experts, layer_linears
from engine.library.model_folder import ModelInfo

_PARTS = {"attention": ("attention",), "mlp": ("mlp",)}


def trained_count(model: ModelInfo, settings: object) -> int:
    """Numbers that training changes, for the settings of any adapter card."""
    return _COUNTS[type(settings)](model, settings)


def virtual_positions(settings: object) -> int:
    """Positions that an adapter puts before every text."""
    has_positions = isinstance(settings, PrefixSettings | PromptSettings | PTuningSettings)
    return settings.virtual_tokens if has_positions else 0  # type: ignore[attr-defined]


def _chosen(model: ModelInfo, settings: Any) -> Iterator[Linear]:  # Any: settings with `targets` and `names`
    parts = _PARTS.get(settings.targets, ("attention", "mlp"))
    for linear in layer_linears(model):
        last = linear.name.rpartition(".")[2]
        asked = last in settings.names or linear.name in settings.names
        if asked or (not settings.names and linear.part in parts):
            yield linear


def _lora(model: ModelInfo, settings: LoraSettings | DoraSettings) -> int:
    """Rank times (inputs + outputs) of every matrix; with DoRA a length for each output as well."""
    has_lengths = isinstance(settings, DoraSettings) or settings.dora
    own = {"attention": settings.attention_rank, "mlp": settings.mlp_rank}
    found = 0
    for linear in _chosen(model, settings):
        rank = own[linear.part] or settings.rank
        found += rank * (linear.inputs + linear.outputs) + has_lengths * linear.outputs
    return model.layers * (found + _of_experts(model, settings))


def _of_experts(model: ModelInfo, settings: LoraSettings | DoraSettings) -> int:
    """LoRA on the matrices of all experts, where it goes there."""
    if settings.names or settings.targets not in ("all-linear", "mlp"):
        return 0
    sizes = sum(matrix.inputs + matrix.outputs for matrix in layer_experts(model))
    return model.experts * (settings.mlp_rank or settings.rank) * sizes


def _loha(model: ModelInfo, settings: LohaSettings) -> int:
    sizes = sum(linear.inputs + linear.outputs for linear in _chosen(model, settings))
    return model.layers * 2 * settings.rank * sizes


def _lokr(model: ModelInfo, settings: LokrSettings) -> int:
    return model.layers * sum(_kronecker(linear, settings.rank) for linear in _chosen(model, settings))


def _kronecker(linear: Linear, rank: int) -> int:
    """A small factor whole, the large one low-rank where that is smaller, as PEFT divides them."""
    (out_small, out_large), (in_small, in_large) = _split(linear.outputs), _split(linear.inputs)
    is_low_rank = rank < max(out_large, in_large) / 2
    large = rank * (out_large + in_large) if is_low_rank else out_large * in_large
    return out_small * in_small + large


def _split(size: int) -> tuple[int, int]:
    """The two factors of a size that are nearest to each other, the smaller first."""
    small = next(n for n in range(int(size**0.5), 0, -1) if size % n == 0)
    return small, size // small


def _oft(model: ModelInfo, settings: OftSettings) -> int:
    widths = [linear.inputs for linear in _chosen(model, settings)]
    divides = (n for n in range(settings.block_size, 0, -1) if all(width % n == 0 for width in widths))
    block = next(divides)
    return model.layers * sum(width // block * (block * (block - 1) // 2) for width in widths)


def _vera(model: ModelInfo, settings: VeraSettings) -> int:
    return model.layers * sum(linear.outputs + settings.shared_rank for linear in _chosen(model, settings))


def _ia3(model: ModelInfo, settings: Ia3Settings) -> int:
    found = 0
    for linear in layer_linears(model):
        last = linear.name.rpartition(".")[2]
        if linear.part == "attention" and last in {"k_proj", "v_proj", "qkv_proj", "c_attn"}:
            found += linear.outputs
        elif linear.part == "mlp" and last in {"down_proj", "c_proj"}:
            found += linear.inputs
    return model.layers * found


def _bottleneck(model: ModelInfo, settings: BottleneckSettings) -> int:
    places = 2 if settings.placement == "houlsby" else 1
    one = 2 * model.hidden * settings.width + settings.width + model.hidden
    return model.layers * places * one


def _prefix(model: ModelInfo, settings: PrefixSettings) -> int:
    key = model.kv_heads * model.head_dim
    if not settings.projection:
        return settings.virtual_tokens * model.layers * 2 * key
    first = model.hidden * (key + 1)
    return settings.virtual_tokens * key + first + model.layers * 2 * key * (model.hidden + 1)


def _prompt(model: ModelInfo, settings: PromptSettings) -> int:
    return settings.virtual_tokens * model.hidden


def _p_tuning(model: ModelInfo, settings: PTuningSettings) -> int:
    width, hidden = settings.encoder_width, model.hidden
    network = width * (hidden + 1) + width * (width + 1) + hidden * (width + 1)
    return settings.virtual_tokens * hidden + network


def _layernorm(model: ModelInfo, settings: LayerNormSettings) -> int:
    norms = SUPPORTED[model.model_type].norms
    numbers = 2 if norms.has_bias else 1
    inner = {"": 0, "head": 2 * model.head_dim, "all": (model.heads + model.kv_heads) * model.head_dim}
    layer = norms.in_layer * model.hidden * numbers + inner[norms.of_queries]
    return model.layers * layer + model.hidden * numbers


def _freeze(model: ModelInfo, settings: FreezeSettings) -> int:
    """A layer's share of all that is neither embedding nor head nor the last normalisation."""
    architecture = SUPPORTED[model.model_type]
    rows = model.vocab * (1 if model.tied else 2)
    if architecture.layout == "gpt2":
        rows += model.context
    outside = (rows + (2 if architecture.norms.has_bias else 1)) * model.hidden
    return min(settings.trained_layers, model.layers) * ((model.parameters - outside) // model.layers)


def _full(model: ModelInfo, settings: FullSettings) -> int:
    return model.parameters


_COUNTS: dict[type, Callable[[ModelInfo, Any], int]] = {  # Any: each function has its own settings
    LoraSettings: _lora,
    DoraSettings: _lora,
    LohaSettings: _loha,
    LokrSettings: _lokr,
    OftSettings: _oft,
    VeraSettings: _vera,
    Ia3Settings: _ia3,
    BottleneckSettings: _bottleneck,
    PrefixSettings: _prefix,
    PromptSettings: _prompt,
    PTuningSettings: _p_tuning,
    LayerNormSettings: _layernorm,
    FreezeSettings: _freeze,
    FullSettings: _full,
}
