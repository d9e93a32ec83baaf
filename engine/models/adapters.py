"""What was learned, on its way to disk and back; switched off; built in. Its birth is in a file for each family.

On disk an adapter is PEFT's format, or our own where PEFT has none (see `own_adapter`); a fully trained model is a
plain transformers folder. An adapter made elsewhere is taken as well as our own; it must fit the model tensor by
tensor.
"""

import contextlib
import copy
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from peft import PeftConfig, PeftModel, get_peft_model
from peft.utils import get_peft_model_state_dict, set_peft_model_state_dict
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForCausalLM

from engine.job.adapter_settings import BottleneckSettings
from engine.job.errors import ModelError
from engine.models.bottleneck import Bottleneck, add_bottlenecks
from engine.models.embeddings import learn_words, settle, words_state
from engine.models.load import quiet
from engine.models.lora import (
    add_lora,
    as_plain_lora,
    at_pissa_start,
    pissa_start,
    pissa_state,
    restore_pissa,
)
from engine.models.lora_experts import KIND as LORA_EXPERTS
from engine.models.lora_experts import LoraExperts, reopened_experts
from engine.models.merging import built_in
from engine.models.own_adapter import (
    ADAPTER_CONFIG,
    ADAPTER_WEIGHTS,
    OwnAdapter,
    is_own,
    mark,
    own_adapter,
    read_own,
    switched_off,
    write_own,
)
from engine.models.parts import train_all
from engine.models.prompts import has_prompt, is_written, prompt_state, restore_prompt
from engine.models.vocabulary import word_modules

__all__ = ["ADAPTER_CONFIG", "ADAPTER_WEIGHTS", "add_lora", "is_own", "train_all"]


def trained_parameters(model: torch.nn.Module) -> dict[str, torch.nn.Parameter]:
    """The parameters that learn, by name."""
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def has_adapter(model: torch.nn.Module) -> bool:
    """Whether what learns stands beside frozen weights and can be switched off; else weights themselves learn."""
    own = own_adapter(model)
    return isinstance(model, PeftModel) or (own is not None and own.kind == "bottleneck")


def is_whole(model: torch.nn.Module) -> bool:
    """Whether the model was trained whole, so that its result is a whole model."""
    return not isinstance(model, PeftModel) and own_adapter(model) is None


def name_base(model: torch.nn.Module, source: str) -> None:
    """Have the adapter's own files name its base as the job does ("starter", a folder, a hub id)."""
    own = own_adapter(model)
    if isinstance(model, PeftModel):
        model.peft_config["default"].base_model_name_or_path = source
    if own is not None:
        own.base_model_name_or_path = source


def save_adapter(model: torch.nn.Module, folder: Path, dtype: torch.dtype | None = None) -> None:
    """Write what was learned into `folder`: an adapter's two files, or the whole model where it was trained whole.

    `dtype` is the one to store a whole model in; None keeps float32, from which training can go on exactly.
    """
    folder.mkdir(parents=True, exist_ok=True)
    own = own_adapter(model)
    if own is not None:
        write_own(folder, own, dict(trained_parameters(model)))
        return
    if isinstance(model, PeftModel):
        state, config = _adapter_files(model)
        _portable(config).save_pretrained(str(folder))
        save_file(state, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})
        return
    with quiet():
        weights = _stored(model.state_dict(), dtype)
        whole: Any = model  # Any: transformers' models share no typed interface
        whole.save_pretrained(folder, state_dict=weights)
    if dtype is not None:
        _note_dtype(folder, dtype)


def load_adapter(model: torch.nn.Module, folder: Path) -> Any:  # Any: PeftModel or the model itself
    """Read back what `save_adapter` wrote, or PEFT's own files; strictly, nothing missing or left over.

    `model` is the base (which gets the adapter), or a model that has its adapter already or is trained whole; to
    go on training such a one exactly, `restore_training` must follow where there is a `training_state`.
    Raises ModelError when the folder does not fit the model.
    """
    if not (folder / ADAPTER_CONFIG).is_file():
        return _load_whole(model, folder)
    if is_own(folder):
        return _load_own(model, folder)
    stored, config = _read_adapter(folder)
    if not isinstance(model, PeftModel):
        model = _with_empty_adapter(model, config, folder)
    _check_fit(
        _adapter_files(model)[0], stored, config.base_model_name_or_path, model.get_base_model(), folder
    )
    _check_tied(model, stored, folder)
    if pissa_start(model) is not None:
        _put_words(model, stored)
    elif not is_written(model):
        set_peft_model_state_dict(model, stored)
    return model


def training_state(model: torch.nn.Module) -> dict[str, torch.Tensor]:
    """What going on exactly needs beside the adapter's files; mostly nothing."""
    start = pissa_start(model)
    if isinstance(model, PeftModel) and start is not None:
        return pissa_state(model, start)
    return prompt_state(model) if isinstance(model, PeftModel) and has_prompt(model) else {}


def restore_training(model: torch.nn.Module, state: dict[str, torch.Tensor]) -> None:
    """Go on from a checkpoint's `training_state`."""
    if isinstance(model, PeftModel) and pissa_start(model) is not None:
        restore_pissa(model, state)
    elif isinstance(model, PeftModel) and has_prompt(model):
        restore_prompt(model, state)


@contextlib.contextmanager
def adapter_off(model: Any) -> Iterator[None]:  # Any: PeftModel or a transformers model with bottlenecks
    """The model as it was before its adapter."""
    start = pissa_start(model)
    if not isinstance(model, PeftModel):
        off: contextlib.AbstractContextManager[Any] = switched_off(model, Bottleneck)
    else:
        off = model.disable_adapter() if start is None else at_pissa_start(model, start)
    with off, switched_off(model, LoraExperts):
        yield


def merge(model: Any) -> Any:  # Any: PeftModel or a transformers model
    """The base with the adapter built in, computed in float32 and rounded once; `model` is used up."""
    base: Any = model.get_base_model() if isinstance(model, PeftModel) else model
    return built_in(model, base.dtype).model


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


def _adapter_files(model: PeftModel) -> tuple[dict[str, torch.Tensor], PeftConfig]:
    """The tensors and the config as they stand on disk; PiSSA's as the plain LoRA that fits the untouched base."""
    start = pissa_start(model)
    if start is not None:
        state, config = as_plain_lora(model, start)
        return _apart(state | words_state(model)), config
    state = get_peft_model_state_dict(model, save_embedding_layers=False)
    return _apart(state), model.peft_config["default"]


def _apart(state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Each tensor by itself: a file holds a matrix that reads and writes twice, as PEFT looks for both."""
    places = [weight.data_ptr() for weight in state.values()]
    return {
        name: weight.detach().clone()
        if places.index(weight.data_ptr()) < at
        else weight.detach().contiguous()
        for at, (name, weight) in enumerate(state.items())
    }


def _portable(config: PeftConfig) -> PeftConfig:
    """The config with its targets in a fixed order: PEFT keeps a set, whose order changes from run to run."""
    portable = copy.copy(config)
    portable.inference_mode = True
    for name in ("target_modules", "target_parameters", "feedforward_modules", "modules_to_save"):
        targets = getattr(config, name, None)
        if isinstance(targets, set):
            setattr(portable, name, sorted(targets))
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
    fresh.inference_mode = config.is_prompt_learning  # what is stored is what a network wrote, without it
    fresh.base_model_name_or_path = None
    try:
        with warnings.catch_warnings():
            # That a tied matrix is among what learned: `settle` keeps it one.
            warnings.filterwarnings("ignore", message="Model has `tie_word_embeddings=True`")
            warnings.filterwarnings("ignore", message="The following rank_pattern keys")  # see `add_lora`
            tuned = get_peft_model(model, fresh)
        settle(tuned)
        return tuned
    except (ValueError, TypeError, KeyError, IndexError) as error:  # an index: tokens that the model lacks
        title = f"The adapter in {folder} does not go with {type(model).__name__}: {str(error)[:200]}"
        raise ModelError(title, _made_for(config.base_model_name_or_path)) from None


def _check_fit(
    expected: dict[str, torch.Tensor],
    stored: dict[str, torch.Tensor],
    made_for: str | None,
    base: torch.nn.Module,
    folder: Path,
) -> None:
    for name, weight in stored.items():
        if name in expected and expected[name].shape != weight.shape:
            title = (
                f"The adapter in {folder} was made for another model: '{name}' is {tuple(weight.shape)}, "
                f"this {type(base).__name__} needs {tuple(expected[name].shape)}."
            )
            raise ModelError(title, _made_for(made_for))
    strangers = sorted(stored.keys() ^ expected.keys())
    if strangers:
        word = "has the tensor" if strangers[0] in stored else "lacks the tensor"
        title = (
            f"The adapter in {folder} {word} '{strangers[0]}', so it does not fit this {type(base).__name__}."
        )
        raise ModelError(title, _made_for(made_for))
    bad = next((name for name, weight in stored.items() if not torch.isfinite(weight).all()), None)
    if bad:
        title = f"The tensor '{bad}' of the adapter in {folder} holds values that are not numbers."
        raise ModelError(title, "Use an earlier checkpoint.")


def _check_tied(model: PeftModel, stored: dict[str, torch.Tensor], folder: Path) -> None:
    """Refuse words for reading and for writing that learned apart, where the model has one matrix for both."""
    one_matrix: dict[int, str] = {}
    for name, weight in words_state(model).items():
        first = one_matrix.setdefault(weight.data_ptr(), name)
        if not torch.equal(stored[name], stored[first]):
            title = f"The adapter in {folder} reads and writes words with two matrices, this model with one."
            raise ModelError(title, "Merge it with the program that made it, and use the merged model.")


def _put_words(model: PeftModel, stored: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, weight in words_state(model).items():
            weight.copy_(stored[name])


def _made_for(name: str | None) -> str:
    return f"It was made for {name}: choose that model." if name else "Choose the model it was made for."


def _load_own(model: Any, folder: Path) -> Any:
    own, stored = read_own(folder)
    is_fresh = own_adapter(model) is None
    if own.kind == "bottleneck":
        if is_fresh:
            model = add_bottlenecks(model, _bottleneck_settings(own, folder))
        expected = {
            f"{name}.{key}": weight
            for name, part in model.named_modules()
            if isinstance(part, Bottleneck)
            for key, weight in part.named_parameters()
        }
    elif own.kind == LORA_EXPERTS:
        model = _with_empty_experts(model, own, folder) if is_fresh else model
        expected, is_fresh = dict(trained_parameters(model)), False  # its parameters are its own already
    elif own.kind == "freeze":
        expected = {name: weight for name, weight in model.named_parameters() if name in stored}
        mark(model, own)
    else:
        title = f"The adapter in {folder} is of the kind '{own.kind}', which this version does not know."
        raise ModelError(title, "Update Tunewright.")
    _check_fit(dict(expected), stored, own.base_model_name_or_path, model, folder)
    for name, weight in stored.items():
        _put(model, name, weight, in_place=not is_fresh)
    if own.kind != LORA_EXPERTS:
        reads, writes = word_modules(model)
        if model.config.tie_word_embeddings and reads.weight is not writes.weight:
            writes.weight = reads.weight
    return model


def _with_empty_experts(model: Any, own: OwnAdapter, folder: Path) -> PeftModel:
    try:
        tuned: PeftModel = reopened_experts(model, own)
        everything, tokens = bool(own.settings.get("embeddings")), own.settings.get("tokens", [])
        learn_words(tuned, everything, tokens)
    except (KeyError, TypeError, ValueError) as error:
        title = f"The adapter in {folder} cannot be read: {error}."
        raise ModelError(title, "Update Tunewright.") from None
    mark(tuned, own)
    return tuned


def _bottleneck_settings(own: OwnAdapter, folder: Path) -> BottleneckSettings:
    try:
        return BottleneckSettings(**own.settings)
    except TypeError as error:
        raise ModelError(f"The adapter in {folder} cannot be read: {error}.", "Update Tunewright.") from None


def _put(model: Any, name: str, weight: torch.Tensor, in_place: bool) -> None:
    """Give a parameter its learned values; by a new tensor where the old one may belong to another model as well."""
    owner, _, leaf = name.rpartition(".")
    part = model.get_submodule(owner)
    old = getattr(part, leaf)
    if in_place:
        with torch.no_grad():
            old.copy_(weight)
    else:
        setattr(part, leaf, torch.nn.Parameter(weight.to(old.device), requires_grad=True))


def _load_whole(model: Any, folder: Path) -> Any:
    local: dict[str, Any] = {"local_files_only": True}
    with quiet():
        try:
            is_same = AutoConfig.from_pretrained(folder, **local).model_type == model.config.model_type
            kind: Any = type(model) if is_same else AutoModelForCausalLM
            other = kind.from_pretrained(folder, dtype=torch.float32, use_safetensors=True, **local)
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            title = f"The trained model in {folder} cannot be read: {str(error)[:200]}"
            raise ModelError(title, "Use another checkpoint.") from None
    if not is_same:  # it has grown experts since
        return other.to(next(model.parameters()).device)
    try:
        model.load_state_dict(other.state_dict())
    except RuntimeError as error:
        title = f"The trained model in {folder} is not a {type(model).__name__} of this shape."
        raise ModelError(title, "Choose the run's own model.", detail=str(error)) from None
    return model
