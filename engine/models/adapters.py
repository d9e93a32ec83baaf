"""What part of a model is trained: an adapter's birth, its way to disk and back, its merge.

On disk an adapter is PEFT's format, a fully trained model is a plain transformers folder. An adapter made
elsewhere is taken as well as our own; it must fit the model tensor by tensor.
"""

import contextlib
import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import LoraConfig, PeftConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from engine.job.adapters import FullSettings, LoraSettings
from engine.job.errors import ModelError
from engine.models.load import quiet
from engine.models.merging import built_in, cast_parameters
from engine.models.targets import target_names

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"


def add_lora(model: PreTrainedModel, settings: LoraSettings) -> PeftModel:
    """Freeze the model and add low-rank adapters (Hu et al. 2021), their weights in float32.

    The adapter is drawn from torch's global generator and adds nothing at first: B is zero.
    """
    config = LoraConfig(
        r=settings.rank,
        lora_alpha=_whole(settings.alpha),
        lora_dropout=settings.dropout,
        target_modules=target_names(model, settings.targets),
        fan_in_fan_out=any(isinstance(module, Conv1D) for module in model.modules()),
        task_type="CAUSAL_LM",
    )
    return get_peft_model(model, config, autocast_adapter_dtype=True)


def train_all(
    model: Any, settings: FullSettings
) -> Any:  # Any: transformers' models share no typed interface
    """Make every weight trainable and hold it in float32: small corrections would round away in 16 bits."""
    cast_parameters(model, torch.float32)
    model.requires_grad_(True)
    return model


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def has_adapter(model: torch.nn.Module) -> bool:
    """Whether an adapter learns beside frozen weights; else the weights themselves do."""
    return isinstance(model, PeftModel)


def name_base(model: PeftModel, source: str) -> None:
    """Have the adapter's own files name its base as the job does ("starter", a folder, a hub id)."""
    model.peft_config["default"].base_model_name_or_path = source


def save_adapter(model: torch.nn.Module, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write what was learned into `folder`: PEFT's two files, or the whole model where it was trained whole.

    `dtype` is the one to store a whole model in; None keeps float32, from which training can go on exactly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if isinstance(model, PeftModel):
        config = model.peft_config["default"]
        _portable(config).save_pretrained(str(folder))
        save_file(_adapter_state(model), folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
        return
    with quiet():
        weights = _stored(model.state_dict(), dtype)
        whole: Any = model  # Any: transformers' models share no typed interface
        whole.save_pretrained(folder, state_dict=weights)
    if dtype is not None:
        _note_dtype(folder, dtype)


def load_adapter(model: torch.nn.Module, folder: Path) -> Any:  # Any: PeftModel or the model itself
    """Read back what `save_adapter` wrote, or PEFT's own files; strictly, nothing missing or left over.

    `model` is the base (which gets the adapter), or a model that has its adapter already or is trained whole.
    Raises ModelError when the folder does not fit the model.
    """
    if not (folder / ADAPTER_CONFIG).is_file():
        return _load_whole(model, folder)
    stored, config = _read_adapter(folder)
    if not isinstance(model, PeftModel):
        model = _with_empty_adapter(model, config, folder)
    _check_fit(_adapter_state(model), stored, config, model, folder)
    set_peft_model_state_dict(model, stored)
    return model


@contextlib.contextmanager
def adapter_off(model: PeftModel) -> Iterator[None]:
    """The model as it was before its adapter."""
    with model.disable_adapter():
        yield


def merge(model: PeftModel) -> Any:  # Any: transformers' models share no typed interface
    """The base with the adapter built in, computed in float32 and rounded once; `model` is used up."""
    base: Any = model.get_base_model()
    return built_in(model, base.dtype).model


def _whole(number: float) -> Any:  # Any: PEFT declares int, but only divides it; halves are fine
    return int(number) if number.is_integer() else number


def _stored(state: dict[str, torch.Tensor], dtype: torch.dtype | None) -> dict[str, torch.Tensor]:
    """The weights in the dtype to store; tied ones stay one tensor, so that they are written once."""
    converted: dict[int, torch.Tensor] = {}
    for weight in state.values():
        target = dtype if dtype is not None and weight.is_floating_point() else weight.dtype
        converted.setdefault(weight.data_ptr(), weight.to(target))
    return {name: converted[weight.data_ptr()] for name, weight in state.items()}


def _note_dtype(folder: Path, dtype: torch.dtype) -> None:
    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    config["dtype"] = str(dtype).removeprefix("torch.")
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _adapter_state(model: PeftModel) -> dict[str, torch.Tensor]:
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return {name: weight.detach().contiguous() for name, weight in state.items()}


def _portable(config: PeftConfig) -> PeftConfig:
    """The config with its targets in a fixed order: PEFT keeps a set, whose order changes from run to run."""
    portable = copy.copy(config)
    portable.inference_mode = True
    targets = getattr(config, "target_modules", None)
    if isinstance(targets, set):
        portable.target_modules = sorted(targets)  # type: ignore[attr-defined]  # every tuner of ours has it
    return portable


def _read_adapter(folder: Path) -> tuple[dict[str, torch.Tensor], PeftConfig]:
    try:
        config = PeftConfig.from_pretrained(str(folder))
        return load_file(folder / ADAPTER_WEIGHTS), config
    except FileNotFoundError:
        title = f"{folder / ADAPTER_WEIGHTS} is missing."
        raise ModelError(title, "Give a folder with both files of a PEFT adapter.") from None
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        title = f"The adapter in {folder} cannot be read: {str(error)[:200]}."
        raise ModelError(title, "Copy it again from where it came.") from None


def _with_empty_adapter(model: Any, config: PeftConfig, folder: Path) -> PeftModel:
    fresh = copy.copy(config)
    fresh.inference_mode = False
    fresh.base_model_name_or_path = None
    try:
        return get_peft_model(model, fresh)
    except (ValueError, TypeError, KeyError) as error:
        title = f"The adapter in {folder} does not go with {type(model).__name__}: {str(error)[:200]}"
        raise ModelError(title, _made_for(config)) from None


def _check_fit(
    expected: dict[str, torch.Tensor],
    stored: dict[str, torch.Tensor],
    config: PeftConfig,
    model: PeftModel,
    folder: Path,
) -> None:
    base = model.get_base_model()
    for name, weight in stored.items():
        if name in expected and expected[name].shape != weight.shape:
            title = (
                f"The adapter in {folder} was made for another model: '{name}' is {tuple(weight.shape)}, "
                f"this {type(base).__name__} needs {tuple(expected[name].shape)}."
            )
            raise ModelError(title, _made_for(config))
    strangers = sorted(stored.keys() ^ expected.keys())
    if strangers:
        word = "has the tensor" if strangers[0] in stored else "lacks the tensor"
        title = (
            f"The adapter in {folder} {word} '{strangers[0]}', so it does not fit this {type(base).__name__}."
        )
        raise ModelError(title, _made_for(config))
    bad = next((name for name, weight in stored.items() if not torch.isfinite(weight).all()), None)
    if bad:
        title = f"The tensor '{bad}' of the adapter in {folder} holds values that are not numbers."
        raise ModelError(title, "Use an earlier checkpoint.")


def _made_for(config: PeftConfig) -> str:
    name = config.base_model_name_or_path
    return f"It was made for {name}: choose that model." if name else "Choose the model it was made for."


def _load_whole(model: Any, folder: Path) -> Any:
    with quiet():
        try:
            other = type(model).from_pretrained(
                folder, dtype=torch.float32, local_files_only=True, use_safetensors=True
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            title = f"The trained model in {folder} cannot be read: {str(error)[:200]}"
            raise ModelError(title, "Use another checkpoint.") from None
    try:
        model.load_state_dict(other.state_dict())
    except RuntimeError as error:
        title = f"The trained model in {folder} is not a {type(model).__name__} of this shape."
        raise ModelError(title, "Choose the run's own model.", detail=str(error)) from None
    return model
