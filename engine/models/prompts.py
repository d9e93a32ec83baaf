"""Adapters that put learned positions before the text: prefix tuning, prompt tuning, p-tuning."""

from typing import Any

import torch
from peft import PeftModel, PrefixTuningConfig, PromptEncoderConfig, PromptTuningConfig, get_peft_model
from torch import Tensor
from transformers import PreTrainedModel

from engine.job.adapter_settings import PrefixSettings, PromptSettings, PTuningSettings


def add_prefix(model: PreTrainedModel, settings: PrefixSettings) -> PeftModel:
    """Learned keys and values before the text in every layer (Li and Liang 2021, equation 3).

    It does not start at the base model: attention to positions drawn at random changes the answers at once.
    """
    text: Any = model.config.get_text_config()
    config = PrefixTuningConfig(
        num_virtual_tokens=settings.virtual_tokens,
        prefix_projection=settings.projection,
        encoder_hidden_size=text.hidden_size,  # of the network that projects; without it nobody reads this
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def add_prompt(model: PreTrainedModel, settings: PromptSettings) -> PeftModel:
    """Learned embeddings before the text, words drawn at random at first (Lester et al. 2021, section 2)."""
    config = PromptTuningConfig(
        num_virtual_tokens=settings.virtual_tokens,
        prompt_tuning_init="SAMPLE_VOCAB",
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def add_p_tuning(model: PreTrainedModel, settings: PTuningSettings) -> PeftModel:
    """Learned embeddings that a small network writes (Liu et al. 2021, section 3.2; without its anchor tokens)."""
    config = PromptEncoderConfig(
        num_virtual_tokens=settings.virtual_tokens,
        encoder_hidden_size=settings.encoder_width,
        task_type="CAUSAL_LM",
    )
    return _added(model, config)


def virtual_tokens(model: Any) -> int:  # Any: PeftModel or a transformers model
    """How many positions stand before the text; 0 for other adapters."""
    return int(model.peft_config["default"].num_virtual_tokens) if has_prompt(model) else 0


def has_prompt(model: torch.nn.Module) -> bool:
    """Whether learned positions stand before the text."""
    return isinstance(model, PeftModel) and bool(model.peft_config["default"].is_prompt_learning)


def is_written(model: torch.nn.Module) -> bool:
    """Whether a network, which no adapter file holds, writes the learned positions: so it is while training."""
    return has_prompt(model) and len(list(_encoder(model).children())) > 1


def continuing(model: Any) -> Any:  # Any: PeftModel or a transformers model
    """What takes the tokens after the first portion: the learned positions are in the cache by then."""
    return model.get_base_model() if has_prompt(model) else model


def prompt_state(model: torch.nn.Module) -> dict[str, Tensor]:
    """What a checkpoint needs beside the learned positions: the network that writes them."""
    return {name: value.detach() for name, value in _encoder(model).state_dict().items()}


def restore_prompt(model: torch.nn.Module, state: dict[str, Tensor]) -> None:
    """Go on from a checkpoint."""
    _encoder(model).load_state_dict(state)


def _encoder(model: Any) -> torch.nn.Module:
    encoder: torch.nn.Module = model.prompt_encoder["default"]
    return encoder


def _added(model: PreTrainedModel, config: Any) -> PeftModel:
    model.requires_grad_(False)
    return get_peft_model(model, config)
