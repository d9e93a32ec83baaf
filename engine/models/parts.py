"""Training a part of the model's own weights, or all of them: layer norms, the last layers, everything."""

from typing import Any

import torch
from peft import LNTuningConfig, PeftModel, get_peft_model

from engine.job.adapter_settings import FreezeSettings, FullSettings, LayerNormSettings
from engine.job.errors import JobError
from engine.models.merging import cast_parameters
from engine.models.narrow_experts import follow_autocast
from engine.models.own_adapter import OwnAdapter, mark
from engine.models.targets import decoder_layers, norm_names


def train_norms(
    model: Any, settings: LayerNormSettings
) -> PeftModel:  # Any: transformers' models share no typed interface
    """Train the scales of the normalisation layers alone (Zhao et al. 2024). All weights are held in float32."""
    cast_parameters(model, torch.float32)
    config = LNTuningConfig(target_modules=norm_names(model), task_type="CAUSAL_LM")
    return get_peft_model(model, config)


def train_last_layers(model: Any, settings: FreezeSettings) -> Any:  # Any: see train_norms
    """Train the last layers whole, freeze the rest (Lee et al. 2019). All weights are held in float32.

    Raises JobError when the model has fewer layers.
    """
    layers = decoder_layers(model)
    if settings.trained_layers > len(layers):
        title = (
            f"'adapter.trained_layers' is {settings.trained_layers}, but the model has {len(layers)} layers."
        )
        raise JobError(title, f"Give at most {len(layers)}.")
    cast_parameters(model, torch.float32)
    model.requires_grad_(False)
    for layer in list(layers)[-settings.trained_layers :]:
        layer.requires_grad_(True)
    return mark(model, OwnAdapter("freeze", {"trained_layers": settings.trained_layers}))


def train_all(model: Any, settings: FullSettings) -> Any:  # Any: see train_norms
    """Make every weight trainable and hold it in float32: small corrections would round away in 16 bits."""
    cast_parameters(model, torch.float32)
    model.requires_grad_(True)
    follow_autocast(model)
    return model
