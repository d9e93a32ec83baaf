"""LoRA and its kin: rsLoRA, DoRA, LoRA+, and PiSSA, which starts from the weights' own main directions."""

import contextlib
import copy
import dataclasses
import math
import warnings
from collections.abc import Iterator
from typing import Any

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from torch import Tensor
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from engine.job.lora_settings import DoraSettings, LoraSettings
from engine.models.embeddings import words_off
from engine.models.mixtures import ROUTER, stacked_targets
from engine.models.targets import PARTS, is_linear, part_of, target_names

_EXACT_WIDTH = (
    1024  # wider matrices are split by a randomised method: exact singular values take minutes there
)
SECOND = (".gate_b", ".up_b", ".down_b")  # the matrices B of LoRA experts
_ROUTER = ".mlp.router.weight"  # of LoRA experts
_ROUTER_RATE = 5e-4  # at most
Start = dict[str, tuple[Tensor, Tensor]]


def add_lora(model: PreTrainedModel, settings: LoraSettings) -> PeftModel:
    """Freeze the model and add low-rank adapters (Hu et al. 2021), their weights in float32.

    The adapter is drawn from torch's global generator and adds nothing at first: B is zero. With `pissa` A and B
    are the strongest directions of each matrix, which gives them up (Meng et al. 2024, equations 2 to 4).
    """
    with warnings.catch_warnings():
        # PEFT looks for the sizes' owners among modules alone; those of stacked experts are parameters.
        warnings.filterwarnings("ignore", message="The following rank_pattern keys")
        tuned: Any = get_peft_model(model, _config(model, settings), autocast_adapter_dtype=True)
    if settings.pissa:
        tuned.pissa_start = {
            name: (_a(layer).clone(), _b(layer).clone()) for name, layer in lora_layers(tuned)
        }
    low_rank: PeftModel = tuned
    return low_rank


def add_dora(model: PreTrainedModel, settings: DoraSettings) -> PeftModel:
    """LoRA that learns the length of each weight row beside its direction (Liu et al. 2024, equation 5)."""
    return add_lora(model, LoraSettings(**dataclasses.asdict(settings), dora=True))


def rate_factor(name: str, settings: object, rate: float) -> float:
    """How many times the run's learning rate, `rate`, this parameter has.

    LoRA+ learns B faster (Hayou et al. 2024). The router beside LoRA experts learns at 5e-4 at most: it is a whole
    matrix of small numbers, which a LoRA's higher rates turn over. Measured on two topics (`benchmarks/topics`): at 5e-3
    the mean of three seeds was 0.169 with the lower rate, 0.178 nats with the whole one.
    """
    if name.endswith(_ROUTER):
        return min(1.0, _ROUTER_RATE / rate) if rate > 0 else 1.0
    if isinstance(settings, LoraSettings | DoraSettings) and ("lora_B" in name or name.endswith(SECOND)):
        return settings.b_rate
    return 1.0


def lora_layers(
    model: torch.nn.Module,
) -> list[tuple[str, Any]]:  # Any: PEFT's layers share no typed interface
    """The layers with low-rank matrices, by name."""
    return [(name, part) for name, part in model.named_modules() if getattr(part, "lora_A", None)]


def pissa_start(model: torch.nn.Module) -> Start | None:
    """A and B as PiSSA took them out of the weights; None for a model that started in another way."""
    start: Start | None = getattr(model, "pissa_start", None)
    return start


@contextlib.contextmanager
def at_pissa_start(model: PeftModel, start: Start) -> Iterator[None]:
    """The model before training: the base without A and B is not, since it gave them up."""
    layers = dict(lora_layers(model))
    learned = {name: (_a(layer).data, _b(layer).data) for name, layer in layers.items()}
    try:
        for name, (a, b) in start.items():
            _a(layers[name]).data, _b(layers[name]).data = a, b
        words_off(model, True)
        yield
    finally:
        words_off(model, False)
        for name, (a, b) in learned.items():
            _a(layers[name]).data, _b(layers[name]).data = a, b


def as_plain_lora(model: PeftModel, start: Start) -> tuple[dict[str, Tensor], LoraConfig]:
    """PiSSA's result as LoRA of twice the rank for the untouched base: B A - B0 A0 (Meng et al. 2024, appendix C)."""
    state = {}
    for name, layer in lora_layers(model):
        a, b = start[name]
        state[f"{name}.lora_A.weight"] = torch.cat([_a(layer).detach(), a])
        state[f"{name}.lora_B.weight"] = torch.cat([_b(layer).detach(), -b], dim=1)
    config: Any = copy.copy(model.peft_config["default"])
    config.init_lora_weights = True
    config.lora_alpha *= math.sqrt(2) if config.use_rslora else 2  # the scale, alpha / rank, stays
    config.r *= 2
    config.rank_pattern = {name: 2 * rank for name, rank in config.rank_pattern.items()}
    return state, config


def pissa_state(model: PeftModel, start: Start) -> dict[str, Tensor]:
    """What a checkpoint needs beside the plain adapter: A and B now and at the start."""
    state: dict[str, Tensor] = {}
    for name, layer in lora_layers(model):
        (a0, b0), a, b = start[name], _a(layer), _b(layer)
        state |= {f"{name}/a": a.detach(), f"{name}/b": b.detach(), f"{name}/a0": a0, f"{name}/b0": b0}
    return state


def restore_pissa(model: PeftModel, state: dict[str, Tensor]) -> None:
    """Go on from a checkpoint; where the start came out differently on this machine, the base follows it."""
    start = pissa_start(model) or {}
    with torch.no_grad():
        for name, layer in lora_layers(model):
            a0, b0 = (state[f"{name}/{key}"].to(_a(layer).device) for key in ("a0", "b0"))
            if not (torch.equal(a0, start[name][0]) and torch.equal(b0, start[name][1])):
                difference = start[name][1] @ start[name][0] - b0 @ a0
                base, inner = layer.get_base_layer().weight, difference * layer.scaling["default"]
                base.copy_(base.float() + (inner.T if layer.fan_in_fan_out else inner))
                start[name] = (a0, b0)
            _a(layer).copy_(state[f"{name}/a"])
            _b(layer).copy_(state[f"{name}/b"])


def _config(model: PreTrainedModel, settings: LoraSettings) -> LoraConfig:
    stacked = stacked_targets(model, settings)
    has_experts = any(name != ROUTER for name in stacked)
    return LoraConfig(
        r=settings.rank,
        lora_alpha=whole(settings.alpha),
        lora_dropout=settings.dropout,
        target_modules=target_names(model, settings.targets, settings.names, may_be_none=has_experts),
        target_parameters=stacked or None,
        rank_pattern=_ranks(model, settings),
        use_rslora=settings.rslora,
        use_dora=settings.dora,
        init_lora_weights=_start_of(model) if settings.pissa else True,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        task_type="CAUSAL_LM",
    )


def _ranks(model: torch.nn.Module, settings: LoraSettings) -> dict[str, int]:
    """The size of each matrix by its whole path, where attention or feed-forward have their own."""
    sizes = {"attention": settings.attention_rank, "mlp": settings.mlp_rank}
    found = {}
    for name, module in model.named_modules():
        size = sizes.get(part_of(name)) if is_linear(module) else None
        if size is not None and (settings.names or part_of(name) in PARTS[settings.targets]):
            found[name] = size
    if settings.mlp_rank is not None:
        experts = (name for name in stacked_targets(model, settings) if name != ROUTER)
        found |= dict.fromkeys(experts, settings.mlp_rank)
    return found


def _start_of(model: torch.nn.Module) -> Any:  # Any: PEFT's literal for the start
    linear: list[Any] = [part for part in model.modules() if is_linear(part)]
    widest = max(min(part.weight.shape) for part in linear)
    return "pissa" if widest <= _EXACT_WIDTH else "pissa_niter_16"


def whole(number: float) -> Any:  # Any: PEFT declares int, but only divides it; halves are fine
    """The number as PEFT writes it."""
    return int(number) if number.is_integer() else number


def _a(layer: Any) -> Tensor:
    weight: Tensor = layer.lora_A["default"].weight
    return weight


def _b(layer: Any) -> Tensor:
    weight: Tensor = layer.lora_B["default"].weight
    return weight
