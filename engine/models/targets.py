"""Which layers an adapter goes to: found in the model itself, not in a list of names."""

import torch
from transformers.pytorch_utils import Conv1D

from engine.job.errors import ModelError

PARTS = {"all-linear": ("attention", "mlp"), "attention": ("attention",), "mlp": ("mlp",)}

# Steps of a path that lead away from the language model's own layers, or to a router, which picks experts.
_NEVER = {"vision_tower", "vision_model", "audio_tower", "multi_modal_projector", "router", "gate", "lm_head"}


def target_names(model: torch.nn.Module, targets: str) -> list[str]:
    """The modules for "all-linear", "attention" or "mlp", never the head, the embeddings or a router.

    Last names alone ("q_proj") where they mean the same modules, else whole paths. Raises ModelError when
    the model has none.
    """
    linear = {name: part_of(name) for name, module in model.named_modules() if is_linear(module)}
    chosen = [name for name, part in linear.items() if part in PARTS[targets]]
    if not chosen:
        title = f"{type(model).__name__} has no {targets} layers that an adapter could go to."
        raise ModelError(title, "Choose other targets, or full fine-tuning.")
    short = sorted({name.rpartition(".")[2] for name in chosen})
    reached = [name for name in linear if name.rpartition(".")[2] in short]
    return short if len(reached) == len(chosen) else chosen


def is_linear(module: torch.nn.Module) -> bool:
    """Whether the module is a matrix product that an adapter can stand beside."""
    return isinstance(module, torch.nn.Linear | Conv1D)


def part_of(name: str) -> str:
    """What a module belongs to by its path: "attention", "mlp" or "other"."""
    steps = name.split(".")
    if _NEVER & set(steps):
        return "other"
    parents = steps[:-1]
    if any("attn" in step or "attention" in step for step in parents):
        return "attention"
    is_feed_forward = any("mlp" in step or "feed_forward" in step for step in parents)
    return "mlp" if is_feed_forward else "other"
