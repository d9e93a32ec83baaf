"""A mixture of LoRA experts: low-rank experts and a router on each feed-forward part, one shared LoRA on attention.

Expert e computes W_e = W + s B_e A_e for gate, up and down. The base's gate and up are applied once to each token, its
down once to the weighted sum, since it is linear; only the low-rank parts and the activation are each expert's own.
"""

import math
from dataclasses import asdict, replace
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from engine.job.errors import ModelError
from engine.job.job import Job
from engine.job.lora_settings import LoraSettings
from engine.models.expert_products import can_group, routed_swiglu, routes_of
from engine.models.lora import add_lora
from engine.models.own_adapter import OwnAdapter, mark
from engine.models.routing import Router
from engine.models.targets import decoder_layers

KIND = "lora-experts"


class LoraExperts(torch.nn.Module):
    """A feed-forward part (`dense`, frozen) with E low-rank experts, of which each token goes through K.

    `gate_up_a` (E, 2r, D), `gate_b` and `up_b` (E, r, I), `down_a` (E, r, I), `down_b` (E, r, D), in float32; B is
    zero at first, so that every expert is the dense part. `scale` is s. Dropless: no token is left out.
    """

    def __init__(self, dense: Any, experts: int, top_k: int, rank: int, scale: float) -> None:
        super().__init__()
        self.dense, self.scale, self.is_on = dense, scale, True
        hidden, inner = dense.gate_proj.in_features, dense.gate_proj.out_features
        self.router = Router(hidden, experts, top_k)
        self.gate_up_a = _drawn(experts, 2 * rank, hidden)
        self.down_a = _drawn(experts, rank, inner)
        self.gate_b = _zero(experts, rank, inner)
        self.up_b = _zero(experts, rank, inner)
        self.down_b = _zero(experts, rank, hidden)

    def forward(self, hidden: Tensor) -> Tensor:
        """Hidden states (..., D) through the dense part, or through each token's experts."""
        if not self.is_on:
            dense: Tensor = self.dense(hidden)
            return dense
        flat = hidden.flatten(0, -2)  # (N, D)
        _, weights, chosen = self.router(flat)
        experts, rank = self.gate_b.shape[:2]
        routes = routes_of(chosen, experts)
        first, gate_b, up_b, down_a, down_b = (
            matrix.to(flat.dtype)
            for matrix in (self.gate_up_a, self.gate_b, self.up_b, self.down_a, self.down_b)
        )
        # A for all experts is one product; the pairs take their own rows of it.
        narrow = functional.linear(flat, first.flatten(0, 1)).reshape(-1, 2 * rank)[routes.slot] * self.scale
        of_pair = weights.flatten()[routes.order]
        matrices = (gate_b, up_b, down_a)
        is_grouped = flat.device.type == "cuda" and can_group(narrow, gate_b)
        summed, back = routed_swiglu(
            self.dense.gate_proj(flat),
            self.dense.up_proj(flat),
            narrow,
            of_pair,
            matrices,
            routes,
            is_grouped,
        )
        back = back * (of_pair * self.scale).to(back.dtype).unsqueeze(1)
        spread = back.new_zeros(len(flat) * experts, rank).index_copy(0, routes.slot, back)
        added = spread.reshape(len(flat), experts * rank) @ down_b.flatten(0, 1)
        out: Tensor = self.dense.down_proj(summed) + added
        return out.reshape(hidden.shape)


def add_lora_experts(model: Any, job: Job) -> Any:  # Any: transformers' models and PeftModel are untyped
    """Freeze the model and add experts, router and the shared LoRA on attention, all in float32.

    Sizes and scale are those of `[adapter]`. Raises ModelError for feed-forward parts that have no such experts.
    """
    return with_lora_experts(model, job.adapter.settings, job.moe.settings.experts, job.moe.settings.top_k)


def with_lora_experts(model: Any, settings: LoraSettings, experts: int, top_k: int) -> Any:
    """As `add_lora_experts`, from the numbers alone."""
    tuned = add_lora(model, replace(settings, targets="attention"))
    rank = settings.mlp_rank or settings.rank
    scale = settings.alpha / (math.sqrt(rank) if settings.rslora else rank)
    device = next(model.parameters()).device
    bend = getattr(model.config.get_text_config(), "hidden_act", None)
    for layer in decoder_layers(model):
        part: Any = getattr(layer, "mlp", None)
        matrices = [getattr(part, name, None) for name in ("gate_proj", "up_proj", "down_proj")]
        if bend != "silu" or any(matrix is None or matrix.bias is not None for matrix in matrices):
            title = (
                f"{type(model).__name__} has no feed-forward part that a mixture of experts could stand on."
            )
            raise ModelError(title, "Choose LoRA without experts.")
        layer.mlp = LoraExperts(part, experts, top_k, rank, scale).to(device)
    own = {"adapter": asdict(settings), "experts": experts, "top_k": top_k}
    return mark(tuned, OwnAdapter(KIND, own))


def reopened_experts(model: Any, own: OwnAdapter) -> Any:
    """The base with empty experts as `own` says; raises KeyError, TypeError or ValueError where it says nonsense."""
    given = own.settings["adapter"]
    settings = LoraSettings(**{**given, "names": tuple(given["names"])})
    return with_lora_experts(model, settings, int(own.settings["experts"]), int(own.settings["top_k"]))


def expert_parts(model: torch.nn.Module) -> list[LoraExperts]:
    """The feed-forward parts with experts, first layer to last; none for another model."""
    return [part for part in model.modules() if isinstance(part, LoraExperts)]


def _drawn(experts: int, rows: int, width: int) -> torch.nn.Parameter:
    """As PEFT draws A: evenly within one over the root of the inputs."""
    bound = 1 / math.sqrt(width)
    return torch.nn.Parameter(torch.empty(experts, rows, width).uniform_(-bound, bound))


def _zero(experts: int, rank: int, width: int) -> torch.nn.Parameter:
    return torch.nn.Parameter(torch.zeros(experts, rank, width))
