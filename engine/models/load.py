"""From a checked folder to a model in memory, with nothing missing, misshapen or not a number."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors import SafetensorError
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

from engine.job.errors import JobError, ModelError
from engine.library.compression import problem_on
from engine.library.models import ModelInfo, check_model
from engine.library.tokenizer_files import first_free
from engine.models.placement import choose_device, choose_dtype, dtype_name, settle_attention

_LOCAL = {"local_files_only": True, "trust_remote_code": False}
_BLOCK = 64  # weights that share a scale when they are compressed
_AGAIN = "Download the model again, or choose another."


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to use: on its device, in evaluation mode, its tokenizer beside it."""

    model: Any  # Any: transformers' models share no typed interface
    tokenizer: Any  # Any: the same holds for its tokenizers
    folder: Path
    dtype: str
    device: str
    info: ModelInfo


def load_model(
    folder: Path, dtype: str = "auto", device: str = "auto", quantization: str = "none"
) -> LoadedModel:
    """Load tokenizer and weights of a model folder; the author's code is never run.

    With `quantization` "nf4" the matrices of its layers are compressed to 4 bits, their scales to 8 (Dettmers et al.
    2023, sections 3.1 and 3.2), and `dtype` is what is computed in.

    Raises ModelError when the folder cannot be used (naming file or tensor), JobError when the device asked
    for is absent.
    """
    info = check_model(folder)
    place = choose_device(device)
    settle_attention(place)
    numbers = choose_dtype(dtype, place, info.parameters)
    if quantization != "none":
        _refuse_compression(info, place)
    tokenizer = load_tokenizer(folder)
    compressed = {} if quantization == "none" else _compressed(numbers, place)
    model = _load_weights(folder, numbers, compressed)
    _check_numbers(model, folder)
    _check_vocabulary(model, tokenizer, folder)
    keep_cap(model)
    placed = _always_alike(model) if compressed else model.to(place)
    return LoadedModel(placed.eval(), tokenizer, folder, dtype_name(numbers), place, info)


def load_tokenizer(folder: Path) -> Any:  # Any: transformers' tokenizers share no typed base
    """The tokenizer of a model folder; raises ModelError when its files are damaged."""
    with quiet():
        try:
            return AutoTokenizer.from_pretrained(folder, **_LOCAL)
        except Exception as error:  # noqa: BLE001  # tokenizers raises Exception itself for a damaged file
            title = f"The tokenizer in {folder} cannot be read."
            raise ModelError(title, _AGAIN, detail=f"{type(error).__name__}: {error}") from None


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' bars and reports for what we tell in our own words."""
    verbosity = transformers.logging.get_verbosity()
    had_bars = transformers.logging.is_progress_bar_enabled()
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    try:
        yield
    finally:
        transformers.logging.set_verbosity(verbosity)
        if had_bars:
            transformers.logging.enable_progress_bar()


def _refuse_compression(info: ModelInfo, device: str) -> None:
    reason = problem_on(device)
    if not reason and (info.hidden % _BLOCK or info.intermediate % _BLOCK):
        reason = f"{info.name} has matrices whose width {_BLOCK} does not divide."
    if reason:
        raise JobError(
            f"The model's weights cannot be compressed: {reason}", "Set 'model.quantization' to 'none'."
        )


def _compressed(dtype: torch.dtype, device: str) -> dict[str, Any]:  # Any: transformers' arguments
    config = BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=dtype,
    )
    return {"quantization_config": config, "device_map": {"": device}}


def keep_cap(model: Any) -> None:  # Any: see LoadedModel
    """Have a model whose attention holds its scores down (Gemma 2) do so.

    transformers 5.17 chooses torch's own attention for it, which knows of no such thing and leaves it out.
    """
    is_capped = getattr(model.config.get_text_config(), "attn_logit_softcapping", None) is not None
    if is_capped and model.config._attn_implementation == "sdpa":
        model.set_attn_implementation("eager")


def _always_alike(model: Any) -> Any:  # Any: see LoadedModel
    """Keep a processor from repacking weights at the first answer: from then on it would compute otherwise."""
    for part in model.modules():
        if type(part).__name__ == "Linear4bit":
            part.support_avx512bf16_for_cpu = False
    return model


def _load_weights(folder: Path, dtype: torch.dtype, more: dict[str, Any]) -> Any:  # Any: see LoadedModel
    with quiet():
        try:
            loaded: Any = AutoModelForCausalLM.from_pretrained(
                folder,
                dtype=dtype,
                use_safetensors=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # listed in the report, and refused below with both shapes
                **_LOCAL,
                **more,
            )
        except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
            words = str(error).split("\n")[0][:200]
            raise ModelError(f"The model in {folder} cannot be loaded: {words}", _AGAIN) from error
    model, report = loaded  # a pair, because the report was asked for
    _check_report(report, folder)
    return model


def _check_report(report: dict[str, Any], folder: Path) -> None:  # Any: sets and lists of names
    missing = sorted(report["missing_keys"])
    if missing:
        more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
        raise ModelError(f"{folder} lacks the tensor '{missing[0]}'{more}.", _AGAIN)
    for name, stored, expected in report["mismatched_keys"]:
        title = (
            f"The tensor '{name}' in {folder} is {tuple(stored)}, but config.json asks for {tuple(expected)}."
        )
        raise ModelError(title, _AGAIN)


def _check_numbers(model: Any, folder: Path) -> None:
    for name, weight in model.named_parameters():
        # One pass and no copy: both extremes are not numbers if anything is not. (A sum in float32 takes 16 times as
        # long for a bfloat16 model: a second for half a billion parameters.)
        if weight.numel() and not torch.stack(torch.aminmax(weight)).isfinite().all():
            raise ModelError(f"The tensor '{name}' in {folder} holds values that are not numbers.", _AGAIN)


def _check_vocabulary(model: Any, tokenizer: Any, folder: Path) -> None:
    rows = model.get_input_embeddings().num_embeddings
    # What the files say is known: a large tokenizer takes a tenth of a second to name all its words.
    if 0 < first_free(folder) <= rows and max(tokenizer.added_tokens_decoder, default=-1) < rows:
        return
    highest = max(tokenizer.get_vocab().values(), default=-1)
    if highest >= rows:
        title = f"The tokenizer in {folder} gives ids up to {highest}, but the model knows only {rows}."
        raise ModelError(
            title, "Tokenizer and weights belong to different models: take both from the same one."
        )
