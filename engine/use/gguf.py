"""One GGUF file for llama.cpp, LM Studio and Ollama: written tensor by tensor, cast or quantised from float32."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from gguf import LlamaFileType
from transformers import AutoConfig

from engine.job.errors import ModelError
from engine.job.events import Check
from engine.library.export_plan import makes_experts, written_as
from engine.library.lora_mixture import is_lora_mixture
from engine.library.naming import slug
from engine.models.fingerprint import fingerprint
from engine.models.upcycle import mixture_config
from engine.models.vocabulary import tokenizer_with
from engine.use.card import base_name
from engine.use.gguf_model import (
    ARCHITECTURES,
    add_description,
    as_array,
    check_architecture,
    has_experts,
    is_router,
    named_tensors,
)
from engine.use.gguf_tokenizer import READABLE, add_tokenizer, check_tokenizer, splitter
from engine.use.making import Work, Written
from engine.use.mixture import whole
from engine.use.open import Opened, open_place, own_dtype
from engine.use.receipt import Expected
from engine.use.stranger import Export
from engine.use.trial import Trial

_TYPES = {
    "f32": (Kind.F32, LlamaFileType.ALL_F32),
    "f16": (Kind.F16, LlamaFileType.MOSTLY_F16),
    "bf16": (Kind.BF16, LlamaFileType.MOSTLY_BF16),
    "q8_0": (Kind.Q8_0, LlamaFileType.MOSTLY_Q8_0),
}
_BLOCK = 32  # how many numbers of a row share a scale in q8_0
_LARGEST_F16 = 65504.0


@dataclass(frozen=True)
class Label:
    """What the file says about itself."""

    name: str
    base: str
    licence: str = ""


def write_gguf(
    model: Any,  # Any: a transformers model
    tokenizer: Any,
    path: Path,
    *,
    kind: str,
    label: Label,
    turn_ends: Sequence[int],
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the model as `kind` ("f32", "f16", "bf16", "q8_0"); vectors and routers stay float32.

    `turn_ends` are the ids that end an answer, the template's end of turn first. `progress` gets tensors
    written and their number before each one; what it raises ends the writing.
    Raises ModelError, before a byte is written, when GGUF cannot hold this model.
    """
    check_gguf(model.config, tokenizer)
    precision, file_type = _TYPES[kind]
    tensors = list(named_tensors(model))
    writer = gguf.GGUFWriter(path, gguf.MODEL_ARCH_NAMES[ARCHITECTURES[model.config.model_type]])
    try:
        _describe(writer, label, file_type)
        add_description(writer, model.config)
        eos = tokenizer.eos_token_id
        add_tokenizer(writer, tokenizer, model.config.vocab_size, turn_ends, eos)
        kinds = [_kind_for(name, tensor, precision) for name, tensor in tensors]
        for (name, tensor), chosen in zip(tensors, kinds, strict=True):
            _announce(writer, name, tensor, chosen)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for number, ((name, tensor), chosen) in enumerate(zip(tensors, kinds, strict=True)):
            progress(number, len(tensors))
            writer.write_tensor_data(_numbers(name, tensor, chosen))
        progress(len(tensors), len(tensors))
    finally:
        writer.close()


def check_gguf(config: Any, tokenizer: Any) -> None:  # Any: each family has its own class
    """Raise ModelError in words when this model or its tokenizer cannot be written to GGUF."""
    check_architecture(config)
    check_tokenizer(tokenizer)


def _describe(writer: gguf.GGUFWriter, label: Label, file_type: LlamaFileType) -> None:
    writer.add_type("model")
    writer.add_name(label.name)
    if label.licence:
        writer.add_license(label.licence)
    writer.add_base_model_count(1)
    writer.add_base_model_name(0, label.base)
    writer.add_file_type(int(file_type))
    writer.add_quantization_version(gguf.GGML_QUANT_VERSION)


def _kind_for(name: str, tensor: torch.Tensor, wanted: Kind) -> Kind:
    if tensor.dim() < 2 or is_router(name):  # a few numbers that everything passes through
        return Kind.F32
    if wanted is Kind.Q8_0 and tensor.shape[-1] % _BLOCK:
        return Kind.F16
    return wanted


def _announce(writer: gguf.GGUFWriter, name: str, tensor: torch.Tensor, kind: Kind) -> None:
    """Enter a tensor in the table of contents, by its size on disk."""
    shape = gguf.quant_shape_to_byte_shape(tuple(tensor.shape), kind)
    is_plain = kind in (Kind.F32, Kind.F16)
    dtype = {Kind.F32: np.float32, Kind.F16: np.float16}.get(kind, np.uint8)
    writer.add_tensor_info(
        name, tuple(tensor.shape) if is_plain else shape, np.dtype(dtype), int(np.prod(shape)), raw_dtype=kind
    )


def _numbers(name: str, tensor: torch.Tensor, kind: Kind) -> "np.ndarray[Any, np.dtype[Any]]":
    array = as_array(tensor)
    largest = float(np.abs(array).max(initial=0.0))
    if not np.isfinite(largest):
        raise ModelError(f"'{name}' holds values that are not numbers.", "Export an earlier checkpoint.")
    if kind is Kind.F16 and largest > _LARGEST_F16:
        advice = "Choose 16-bit (bfloat16) or 32-bit."
        raise ModelError(f"'{name}' holds {largest:.3g}, which 16-bit (f16) cannot.", advice)
    packed: np.ndarray[Any, np.dtype[Any]] = gguf.quants.quantize(array, kind)
    return packed


def export_gguf(work: Work) -> Written:
    """One GGUF file and its card, from the whole model in float32; tried by another reader, in a process of its own."""
    tokenizer = tokenizer_with(work.place.base, work.place.tokens)
    check_gguf(_config_written(work), tokenizer)
    answered = _answered(work)
    tuned = answered.opened
    work.phase("writing", "Writing the file")
    name = f"{slug(work.place.title)}-{work.kind}.gguf"
    tell = work.progress("Writing the file", "tensors")

    def progress(done: int, total: int) -> None:
        work.ears.obey()
        tell(done, total)

    write_gguf(
        tuned.model,
        tuned.tokenizer,
        work.part / name,
        kind=work.kind,
        label=Label(work.place.title, base_name(work.place), work.base.licence),
        turn_ends=tuned.end_ids,
        progress=progress,
    )
    work.write_card("gguf", work.kind, f"llama-cli -m {name}")
    return Written(_stranger(work, tuned, name), _expected(work, answered), fingerprint(tuned.model))


@dataclass(frozen=True)
class _Answered:
    """The whole model in float32, what it answers and what Compare does, what was built in, and lines about it."""

    opened: Opened
    same: Trial
    compare: Trial
    learned: str
    more: tuple[Check, ...] = ()


def _answered(work: Work) -> _Answered:
    if work.place.job is not None and is_lora_mixture(work.place.job):
        made = whole(work, "float32")
        return _Answered(made.stock, work.ask(made.stock), made.compare, made.words, (made.near,))
    work.phase("model", "Loading the model")
    tuned = open_place(work.place, dtype="float32", bases=work.bases)
    work.phase("answers", "Asking the tuned model")
    same = work.ask(tuned)
    is_compared = own_dtype(work.place.base) == "float32"
    compare = same if is_compared else work.ask(open_place(work.place, bases=work.bases))
    merged = f"Adapter {tuned.fingerprint} merged before writing."
    return _Answered(tuned, same, compare, merged if tuned.merged else "All weights were trained.")


def _config_written(work: Work) -> Any:  # Any: each family has its own config class
    """The config of the model that the file will hold: the base's, or that of the experts made of it."""
    config = AutoConfig.from_pretrained(work.place.base, local_files_only=True)
    if work.place.job is None or not makes_experts(work.place.job):
        return config
    made = written_as(work.place.job, work.base)
    return mixture_config(config, made.experts, made.top_k)


def _stranger(work: Work, tuned: Opened, name: str) -> Export:
    gives_ids = splitter(tuned.tokenizer) not in READABLE
    return Export(
        work.part,
        gguf_file=name,
        config=str(work.place.base),
        end_ids=tuned.end_ids,
        device=tuned.loaded.device,
        gives_ids=gives_ids,
    )


def _expected(work: Work, answered: _Answered) -> Expected:
    tuned = answered.opened
    is_learned = tuned.merged is None or tuned.merged.layers_changed > 0
    is_exact = work.kind == "f32"
    return Expected(
        answered.same,
        answered.compare,
        "float32",
        tuned.end_ids,
        tuned.tokenizer,
        answered.learned,
        is_learned,
        is_exact,
        opens="The file opens by itself",
        more=answered.more,
        has_experts=has_experts(tuned.model.config),
    )
