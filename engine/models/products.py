"""Adapters that multiply or scale a model's matrices otherwise than LoRA: LoHa, LoKr, OFT, VeRA, IA³."""

from collections.abc import Iterator
from typing import Any

import torch
from peft import IA3Config, LoHaConfig, LoKrConfig, OFTConfig, PeftModel, VeraConfig, get_peft_model
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from engine.job.errors import ModelError
from engine.job.lora_settings import Ia3Settings, LohaSettings, LokrSettings, OftSettings, VeraSettings
from engine.models.lora import whole
from engine.models.targets import is_linear, scaled_names, target_names

_RANDOM = 0  # the seed of VeRA's shared matrices, which stand in the adapter's file as well


def add_loha(model: PreTrainedModel, settings: LohaSettings) -> PeftModel:
    """Add (B1 A1) * (B2 A2), element by element (Hyeon-Woo et al. 2022, proposition 1); zero at first."""
    _refuse_turned(model, "LoHa")
    config = LoHaConfig(
        r=settings.rank,
        alpha=whole(settings.alpha),
        target_modules=target_names(model, settings.targets, settings.names),
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def add_lokr(model: PreTrainedModel, settings: LokrSettings) -> PeftModel:
    """Add a Kronecker product C (x) (B A) (Yeh et al. 2023, section 3.3); zero at first."""
    _refuse_turned(model, "LoKr")
    config = LoKrConfig(
        r=settings.rank,
        alpha=whole(settings.alpha),
        target_modules=target_names(model, settings.targets, settings.names),
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def add_oft(model: PreTrainedModel, settings: OftSettings) -> PeftModel:
    """Rotate what goes into each matrix, block by block (Qiu et al. 2023, equation 4); the identity at first.

    A layer whose width the block does not divide gets the largest smaller block that divides all of them.
    """
    _refuse_turned(model, "OFT")
    names = target_names(model, settings.targets, settings.names)
    config = OFTConfig(
        r=0,
        oft_block_size=_dividing(settings.block_size, _inputs(model, names)),
        use_cayley_neumann=False,  # the exact inverse: the series is not orthogonal far from zero
        target_modules=names,
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def add_vera(model: PreTrainedModel, settings: VeraSettings) -> PeftModel:
    """Add b * B (d * A x) with shared random A and B, only b and d learned (Kopiczko et al. 2024, equation 2)."""
    _refuse_turned(model, "VeRA")
    config = VeraConfig(
        r=settings.shared_rank,
        vera_dropout=settings.dropout,
        target_modules=target_names(model, settings.targets, settings.names),
        projection_prng_key=_RANDOM,
        save_projection=True,
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def add_ia3(model: PreTrainedModel, settings: Ia3Settings) -> PeftModel:
    """Scale keys, values and feed-forward activations (Liu et al. 2022, section 3.3); by one at first."""
    names, back = scaled_names(model)
    config = IA3Config(
        target_modules=names,
        feedforward_modules=back,
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def _added(model: PreTrainedModel, config: Any) -> PeftModel:
    """The model with its adapter, the learned part in float32."""
    tuned = get_peft_model(model, config, autocast_adapter_dtype=True)
    for weight in tuned.parameters():
        if weight.requires_grad:
            weight.data = weight.data.float()
    return tuned


def _refuse_turned(model: torch.nn.Module, name: str) -> None:
    if any(isinstance(module, Conv1D) for module in model.modules()):
        title = f"{type(model).__name__} stores its matrices the other way round, which {name} does not know."
        raise ModelError(title, "Choose LoRA.")


def _inputs(model: torch.nn.Module, names: list[str]) -> Iterator[int]:
    for name, part in model.named_modules():
        if is_linear(part) and any(name == asked or name.endswith(f".{asked}") for asked in names):
            yield part.weight.shape[1]


def _dividing(size: int, widths: Iterator[int]) -> int:
    """The largest block up to `size` that divides every width."""
    found = list(widths)
    return next(block for block in range(size, 0, -1) if all(width % block == 0 for width in found))
