"""Sparse upcycling (Komatsuzaki et al. 2022): each feed-forward part of a dense model copied into experts.

The result is a model of a stock family (Mixtral, Qwen2-MoE, Qwen3-MoE). A token's weights over its experts add up to
one, and at the start all experts of a layer are alike: so the new model gives the dense model's numbers, up to
rounding, whatever the router chooses.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AutoConfig, AutoModelForCausalLM

from engine.job.errors import ModelError
from engine.job.moe_settings import UpcycleSettings
from engine.library.mixtures import GROWN, SHARED_WIDTH, mixture_problem
from engine.models.load import LoadedModel
from engine.models.targets import decoder_layers

_ROUTER_STD = 0.02  # zero would give every token the same experts
_TOLERANCE = 1e-5  # of the largest logit, in float32
_NEVER_CARRIED = {"model_type", "architectures", "transformers_version", "intermediate_size", "layer_types"}


@dataclass(frozen=True)
class Growth:
    """How a model grows: experts in each layer, how many a token gets, the seed of routers and noise.

    `noise` is the random change of each copy, as a share of its weights' standard deviation.
    """

    experts: int
    top_k: int
    seed: int
    noise: float = 0.0


def upcycle(loaded: LoadedModel, settings: UpcycleSettings, seed: int) -> Any:  # Any: see `upcycled`
    """The mixture that the card's settings ask for; `seed` draws its routers, and the noise on its copies."""
    return upcycled(loaded.model, Growth(settings.experts, settings.top_k, seed, settings.copy_noise))


def upcycled(dense: Any, growth: Growth) -> Any:  # Any: transformers' models share no typed interface
    """The mixture that `dense` grows into; it shares all tensors outside the feed-forward parts with it.

    Equal sizes and seed give equal tensors. Raises ModelError when there is no stock family of experts for it.
    """
    chance = torch.Generator().manual_seed(growth.seed)
    routers = new_routers(dense, growth.experts, chance)
    layers = [[layer.mlp] * growth.experts for layer in decoder_layers(dense)]
    return mixture_of(dense, layers, routers, growth.top_k, chance, growth.noise)


def mixture_of(
    dense: Any,
    layers: Sequence[Sequence[Any]],
    routers: Sequence[Tensor],
    top_k: int,
    chance: torch.Generator,
    noise: float = 0.0,
) -> Any:
    """A model of the stock family with the feed-forward parts `layers` (for each layer its experts) and routers (E, D).

    All else is `dense`'s, the very tensors. `chance` draws the noise on the copies.
    """
    config = mixture_config(dense.config, len(routers[0]), top_k)
    own: Any = next(dense.parameters())
    with torch.device("meta"):
        fresh = AutoModelForCausalLM.from_config(config, dtype=own.dtype)
    state = {name: weight for name, weight in dense.state_dict().items() if ".mlp." not in name}
    for at, (experts, router) in enumerate(zip(layers, routers, strict=True)):
        block = f"model.layers.{at}.mlp."
        state |= {block + name: weight for name, weight in _stacks(experts, own, chance, noise).items()}
        state[f"{block}gate.weight"] = router.to(own.device, own.dtype).clone(
            memory_format=torch.contiguous_format
        )
        if config.model_type == "qwen2_moe":
            state |= {block + name: weight for name, weight in _silent(config, own, chance).items()}
    fresh.load_state_dict(state, strict=True, assign=True)
    fresh.tie_weights()
    for name, numbers in dense.named_buffers():  # frequencies, which no file holds
        owner, _, leaf = name.rpartition(".")
        fresh.get_submodule(owner)._buffers[leaf] = numbers
    fresh.generation_config = copy.deepcopy(dense.generation_config)
    fresh.requires_grad_(False)
    return fresh.eval()


def new_routers(dense: Any, experts: int, chance: torch.Generator) -> list[Tensor]:
    """A router (E, D) for each layer, normal with standard deviation 0.02, in float32.

    Its numbers exist in 16 bits, too: drawn again for a model in other numbers, it is the same router.
    """
    width = dense.config.hidden_size
    drawn = (_ROUTER_STD * torch.randn(experts, width, generator=chance) for _ in decoder_layers(dense))
    return [router.bfloat16().half().float() for router in drawn]


def mixture_config(dense: Any, experts: int, top_k: int) -> Any:  # Any: transformers' configs
    """The stock family's config with all that `dense` says; raises ModelError where it cannot say the same."""
    values = dense.to_dict()
    title, advice = mixture_problem(values)
    if title:
        raise ModelError(title, advice)
    known = AutoConfig.for_model(GROWN[dense.model_type]).to_dict()
    kept = {name: value for name, value in values.items() if name in known and name not in _NEVER_CARRIED}
    if getattr(dense, "head_dim", None) is not None:
        kept["head_dim"] = dense.head_dim  # Qwen3-MoE reads it, though its config names no such field
    width = dense.intermediate_size
    sizes: dict[str, Any] = {"num_experts_per_tok": top_k, "output_router_logits": False}
    match GROWN[dense.model_type]:
        case "mixtral":
            sizes |= {"num_local_experts": experts, "intermediate_size": width}
        case "qwen3_moe":
            sizes |= {"num_experts": experts, "moe_intermediate_size": width, "intermediate_size": width}
        case _:
            shared = min(SHARED_WIDTH, width)
            sizes |= {"num_experts": experts, "moe_intermediate_size": width, "intermediate_size": width}
            sizes |= {"shared_expert_intermediate_size": shared, "layer_types": dense.layer_types}
    if "norm_topk_prob" in known:
        sizes |= {"norm_topk_prob": True, "decoder_sparse_step": 1, "mlp_only_layers": []}
    return AutoConfig.for_model(GROWN[dense.model_type], **(kept | sizes))


@torch.no_grad()
def start_difference(dense: Any, mixture: Any, ids: Tensor) -> tuple[float, float]:
    """The largest difference of any logit for `ids` (B, T), in float32, and what it may be.

    Of a model held in 16 bits the layers are compared one by one instead, its copies in float32: rounding lets its
    router fall either way where two experts are as likely, and the whole model in 32 bits may not fit.
    """
    if next(dense.parameters()).dtype == torch.float32:
        before, after = (model(input_ids=ids, use_cache=False).logits for model in (dense, mixture))
        return float((after - before).abs().max()), _TOLERANCE * max(1.0, float(before.abs().max()))
    found, allowed = 0.0, 0.0
    generator = torch.Generator().manual_seed(0)
    for one, other in zip(decoder_layers(dense), decoder_layers(mixture), strict=True):
        own: Any = next(one.parameters())
        states = torch.randn(1, ids.numel(), dense.config.hidden_size, generator=generator).to(own.device)
        before, after = (_wide(layer.mlp)(states) for layer in (one, other))
        found = max(found, float((after - before).abs().max()))
        allowed = max(allowed, _TOLERANCE * max(1.0, float(before.abs().max())))
    return found, allowed


def _wide(block: Any) -> Any:
    return copy.deepcopy(block).float()


def _stacks(experts: Sequence[Any], own: Tensor, chance: torch.Generator, noise: float) -> dict[str, Tensor]:
    """The experts (feed-forward parts of a dense model) as one piece, in the numbers and on the device of `own`."""
    first = experts[0]
    width, hidden = first.gate_proj.weight.shape
    together = torch.empty(len(experts), 2 * width, hidden, dtype=own.dtype, device=own.device)
    back = torch.empty(len(experts), hidden, width, dtype=own.dtype, device=own.device)
    with torch.no_grad():
        for at, expert in enumerate(experts):
            together[at, :width] = _changed(expert.gate_proj.weight, chance, noise)
            together[at, width:] = _changed(expert.up_proj.weight, chance, noise)
            back[at] = _changed(expert.down_proj.weight, chance, noise)
    return {"experts.gate_up_proj": together, "experts.down_proj": back}


def _changed(weight: Tensor, chance: torch.Generator, noise: float) -> Tensor:
    weight = weight.detach()
    if not noise:
        return weight
    wide = weight.float()
    return wide + noise * wide.std() * torch.randn(weight.shape, generator=chance).to(weight.device)


def _silent(config: Any, own: Tensor, chance: torch.Generator) -> dict[str, Tensor]:
    """A shared expert that adds nothing: its way back is zero. Its gate is not: some runtimes divide by it."""

    def drawn(*shape: int) -> Tensor:
        return (_ROUTER_STD * torch.randn(*shape, generator=chance)).to(own.device, own.dtype)

    width, hidden = config.shared_expert_intermediate_size, config.hidden_size
    return {
        "shared_expert.gate_proj.weight": drawn(width, hidden),
        "shared_expert.up_proj.weight": drawn(width, hidden),
        "shared_expert.down_proj.weight": torch.zeros(hidden, width, dtype=own.dtype, device=own.device),
        "shared_expert_gate.weight": drawn(1, hidden),
    }
