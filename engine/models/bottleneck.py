"""Bottleneck adapters: small networks behind a model's own parts. Our own module, since PEFT has none.

Each is a child of the part that it follows, called by a hook, so that the model's own weights keep their names.
"""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.job.adapter_settings import BottleneckSettings
from engine.job.errors import ModelError
from engine.models.own_adapter import OwnAdapter, mark
from engine.models.targets import decoder_layers, part_of

_NAME = "bottleneck"
_ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "relu": functional.relu,
    "gelu": functional.gelu,
    "silu": functional.silu,
}
_PLACES = {"houlsby": ("attention", "mlp"), "pfeiffer": ("mlp",)}


class Bottleneck(torch.nn.Module):
    """h + up(act(down(h))) for h (..., D), in float32; `up` is zero at first, so that nothing changes."""

    def __init__(self, hidden: int, width: int, activation: str) -> None:
        super().__init__()
        self.down = torch.nn.Linear(hidden, width)
        self.up = torch.nn.Linear(width, hidden)
        self.activation = activation
        self.is_on = True
        torch.nn.init.zeros_(self.up.weight)
        torch.nn.init.zeros_(self.up.bias)

    def forward(self, hidden: Tensor) -> Tensor:
        """The hidden states, changed, in their own dtype."""
        if not self.is_on:
            return hidden
        wide = hidden.to(self.down.weight.dtype)
        added = self.up(_ACTIVATIONS[self.activation](self.down(wide)))
        return (wide + added).to(hidden.dtype)


def add_bottlenecks(model: Any, settings: BottleneckSettings) -> Any:  # Any: transformers' models are untyped
    """Freeze the model and put small networks behind its parts, their weights in float32.

    Behind attention and feed-forward parts (Houlsby et al. 2019), or the latter alone (Pfeiffer et al. 2021).
    """
    model.requires_grad_(False)
    hidden = model.config.get_text_config().hidden_size
    device = next(model.parameters()).device
    places = [part for layer in decoder_layers(model) for part in _parts(layer, settings.placement)]
    if not places:
        title = f"{type(model).__name__} has no parts that a bottleneck could follow."
        raise ModelError(title, "Choose LoRA.")
    for part in places:
        part.add_module(_NAME, Bottleneck(hidden, settings.width, settings.activation).to(device))
        part.register_forward_hook(_follow)
    return mark(model, OwnAdapter("bottleneck", asdict(settings)))


def _parts(layer: torch.nn.Module, placement: str) -> list[torch.nn.Module]:
    wanted = _PLACES[placement]
    return [part for name, part in layer.named_children() if part_of(f"{name}.weight") in wanted]


def _follow(part: Any, inputs: object, output: Any) -> Any:  # Any: attention returns a tuple, others a tensor
    """After the part: a hook that is a plain function, so that a copied model calls its own copy."""
    follower = part.get_submodule(_NAME)
    if isinstance(output, tuple):
        return (follower(output[0]), *output[1:])
    return follower(output)
