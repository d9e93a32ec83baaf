"""Which layers an adapter goes to: found in the model itself, not in a list of names."""

from collections.abc import Sequence
from typing import Any

import torch
from transformers.pytorch_utils import Conv1D

from engine.job.errors import JobError, ModelError

PARTS = {"all-linear": ("attention", "mlp"), "attention": ("attention",), "mlp": ("mlp",)}

# Steps of a path that lead away from the language model's own layers, or to a router, which picks experts.
_ELSEWHERE = {"vision_tower", "vision_model", "audio_tower", "multi_modal_projector", "lm_head"}
_NEVER = _ELSEWHERE | {"router", "gate", "shared_expert_gate"}
_KEYS_AND_VALUES = {"k_proj", "v_proj", "qkv_proj", "c_attn"}
_BACK = {"down_proj", "c_proj"}


def target_names(
    model: torch.nn.Module, targets: str, names: Sequence[str] = (), may_be_none: bool = False
) -> list[str]:
    """The modules for "all-linear", "attention" or "mlp", never the head, the embeddings or a router.

    `names` asks for matrices by their own last names or whole paths instead; a router may be among them.
    Last names alone ("q_proj") where they mean the same modules, else whole paths. Raises ModelError when
    the model has none (unless there `may_be_none`), JobError for a name that it has not, or that stands for reading and writing alike.
    """
    linear = {name: part_of(name) for name, module in model.named_modules() if is_linear(module)}
    if names:
        chosen = _asked_for(model, list(linear), names)
    else:
        chosen = [name for name, part in linear.items() if part in PARTS[targets]]
    if not chosen and not may_be_none:
        title = f"{type(model).__name__} has no {targets} layers that an adapter could go to."
        raise ModelError(title, "Choose other targets, or full fine-tuning.")
    short = sorted({name.rpartition(".")[2] for name in chosen})
    reached = [name for name in linear if name.rpartition(".")[2] in short]
    return short if len(reached) == len(chosen) else chosen


def scaled_names(model: torch.nn.Module) -> tuple[list[str], list[str]]:
    """What IA³ scales: what comes out of keys and values, and what goes into the way back of the feed-forward part.

    The first list holds both, the second the latter alone, as whole paths. Raises ModelError when there is none.
    """
    linear = {name: part_of(name) for name, module in model.named_modules() if is_linear(module)}
    last = {name: name.rpartition(".")[2] for name in linear}
    read = [name for name, part in linear.items() if part == "attention" and last[name] in _KEYS_AND_VALUES]
    back = [name for name, part in linear.items() if part == "mlp" and last[name] in _BACK]
    if not read and not back:
        raise ModelError(f"{type(model).__name__} has no layers that IA³ knows.", "Choose LoRA.")
    return [*read, *back], back


def norm_names(model: torch.nn.Module) -> list[str]:
    """The normalisation layers with weights, as whole paths. Raises ModelError when there is none."""
    names = [
        name
        for name, module in model.named_modules()
        if "norm" in type(module).__name__.lower() and getattr(module, "weight", None) is not None
    ]
    if not names:
        raise ModelError(f"{type(model).__name__} has no normalisation layers with weights.", "Choose LoRA.")
    return names


def decoder_layers(model: torch.nn.Module) -> torch.nn.ModuleList:
    """The stack of layers, first to last. Raises ModelError when the model has none that is known."""
    stacks: list[Any] = [part for part in model.modules() if isinstance(part, torch.nn.ModuleList)]
    found = [stack for stack in stacks if len(stack) and has_attention(stack[0])]
    if not found:
        raise ModelError(f"{type(model).__name__} has no stack of layers that is known.", "Choose LoRA.")
    layers: torch.nn.ModuleList = max(found, key=len)
    return layers


def has_attention(layer: torch.nn.Module) -> bool:
    """Whether one of the layer's own parts is attention."""
    return any(part_of(f"{name}.weight") == "attention" for name, _ in layer.named_children())


def is_linear(module: torch.nn.Module) -> bool:
    """Whether the module is a matrix product that an adapter can stand beside."""
    return isinstance(module, torch.nn.Linear | Conv1D)


def part_of(name: str) -> str:
    """What a module belongs to by its path: "attention", "mlp" or "other"."""
    steps = name.split(".")
    if _NEVER & set(steps):
        return "other"
    parents = steps[:-1]
    if any(("attn" in step or "attention" in step) and "norm" not in step for step in parents):
        return "attention"
    is_feed_forward = any("mlp" in step or "feed_forward" in step for step in parents)
    return "mlp" if is_feed_forward and not any("norm" in step for step in parents) else "other"


def _asked_for(model: Any, linear: list[str], names: Sequence[str]) -> list[str]:
    chosen: list[str] = []
    for asked in names:
        found = [name for name in linear if name == asked or name.endswith(f".{asked}")]
        if not found:
            valid = ", ".join(sorted({name.rpartition(".")[2] for name in linear}))
            raise JobError(
                f"'adapter.names' has '{asked}', which is no matrix of this model.", f"It has: {valid}."
            )
        chosen += found
    head = model.get_output_embeddings()
    modules = dict(model.named_modules())
    if model.config.tie_word_embeddings and any(modules[name] is head for name in chosen):
        title = "This model reads and writes words with the same matrix, so an adapter cannot go to its head."
        raise JobError(title, "Leave the head out of 'adapter.names'.")
    return list(dict.fromkeys(chosen))
