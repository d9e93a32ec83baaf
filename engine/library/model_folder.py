"""One model folder: what it is, and whether it can be trained. No torch, headers only."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from engine.job.errors import ModelError
from engine.library.architectures import SUPPORTED, shape_of
from engine.library.folders import starter_folder
from engine.library.tokenizer_files import check_tokenizer, read_template
from engine.library.weights import read_json, read_weights
from engine.library.weights_fit import HEAD, check_tensors, count_parameters

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
Kind = Literal["model", "adapter", "gguf", "broken"]
_LICENCE = re.compile(r"^(license_name|license):\s*['\"]?([^'\"\n]+?)['\"]?\s*$", re.MULTILINE)


@dataclass(frozen=True)
class ModelInfo:
    """A model as a list shows it. `kind` other than "model" cannot be trained; `problem` and `advice` say why.

    `bytes` is its size on disk, `context` the longest text in tokens, `template` the chat template's text,
    `licence` as its author names it ("" where nothing is said). `folder` is the file itself for a GGUF.
    With `experts` (0: dense) `intermediate` is the width of one, each token gets `top_k` of them, and `shared` is the
    width of one that every token gets.
    """

    name: str
    folder: Path
    kind: Kind = "model"
    architecture: str = ""
    model_type: str = ""
    parameters: int = 0
    bytes: int = 0
    dtype: str = ""
    layers: int = 0
    hidden: int = 0
    intermediate: int = 0
    heads: int = 0
    kv_heads: int = 0
    head_dim: int = 0
    vocab: int = 0
    context: int = 0
    experts: int = 0
    top_k: int = 0
    shared: int = 0
    tied: bool = False
    licence: str = ""
    template: str = ""
    problem: str = ""
    advice: str = ""

    @property
    def active(self) -> int:
        """The weights that one token goes through: of the experts those that it gets."""
        idle = max(0, self.experts - self.top_k)
        return self.parameters - self.layers * idle * 3 * self.hidden * self.intermediate


def describe(folder: Path) -> ModelInfo:
    """What a folder (or a .gguf file) is; never raises: what is wrong stands in `problem` and `advice`."""
    try:
        return check_model(folder)
    except ModelError as error:
        kind: Kind = "broken"
        if folder.suffix.lower() == ".gguf":
            kind = "gguf"
        elif _is_adapter(folder):
            kind = "adapter"
        info = ModelInfo(model_name(folder), folder, kind, bytes=_bytes_of(folder))
        return replace(info, problem=error.title, advice=error.advice, licence=_licence(folder))
    except OSError as error:
        problem = f"{folder} cannot be read: {error.strerror}."
        return ModelInfo(model_name(folder), folder, "broken", problem=problem)


def check_model(folder: Path) -> ModelInfo:
    """The model in a folder that can be trained; raises ModelError with what is wrong, where, and what to do.

    A window asks after every edit, so a good answer is remembered until a file of the folder changes.
    """
    return _checked(folder, _files_of(folder))


@lru_cache(maxsize=64)
def _checked(folder: Path, files: object) -> ModelInfo:
    del files  # only for the memory: other files, another answer
    _refuse_other_kinds(folder)
    config = read_json(folder / CONFIG)
    model_type = _checked_type(folder, config)
    try:
        shape = shape_of(config)
    except (KeyError, TypeError, ValueError, ArithmeticError) as error:
        raise ModelError(
            f"{folder / CONFIG} lacks or garbles a size of the model: {error}.", "Copy the file again."
        ) from None
    weights = read_weights(folder)
    said = config.get("tie_word_embeddings")
    tied = HEAD not in weights.tensors if said is None else bool(said)
    check_tensors(folder, model_type, shape, weights, tied)
    check_tokenizer(folder, shape.vocab)
    return ModelInfo(
        name=model_name(folder),
        folder=folder,
        architecture=SUPPORTED[model_type].class_name,
        model_type=model_type,
        parameters=count_parameters(weights, tied),
        bytes=weights.bytes,
        dtype=weights.dtype,
        layers=shape.layers,
        hidden=shape.hidden,
        intermediate=shape.intermediate,
        heads=shape.heads,
        kv_heads=shape.kv_heads,
        head_dim=shape.head_dim,
        vocab=shape.vocab,
        context=shape.context,
        experts=shape.experts,
        top_k=shape.top_k,
        shared=shape.shared,
        tied=tied,
        licence=_licence(folder),
        template=read_template(folder),
    )


def _files_of(folder: Path) -> object:
    """Name, size and times of the folder's files; something unlike all else where they cannot be read."""
    try:
        found = [(entry.name, entry.stat()) for entry in os.scandir(folder)]
    except OSError:
        return object()
    return tuple(sorted((name, s.st_size, s.st_mtime_ns, s.st_ctime_ns) for name, s in found))


def model_name(folder: Path) -> str:
    """What to call a model: "org/name" in the hub's cache, else the folder's name."""
    if folder == starter_folder():
        return "Starter"
    repo = next((p.name for p in folder.parents if p.name.startswith("models--")), "")
    if repo:
        return repo.removeprefix("models--").replace("--", "/", 1)
    return folder.stem if folder.suffix.lower() == ".gguf" else folder.name or str(folder)


def _refuse_other_kinds(folder: Path) -> None:
    if folder.suffix.lower() == ".gguf":
        advice = "Choose the folder of the original model in safetensors format."
        raise ModelError("GGUF files can be run but not trained.", advice)
    if not folder.exists():
        raise ModelError(f"The folder {folder} does not exist.", "Check the path.")
    if not folder.is_dir():
        raise ModelError(
            f"{folder} is a file, not a model folder.", f"Choose the folder that holds {CONFIG}."
        )
    if _is_adapter(folder):
        raise ModelError(
            f"{folder} is an adapter; it needs its base model.",
            f"Open it on Compare, or train its base {_base_of(folder)}.",
        )
    if not (folder / CONFIG).exists():
        files = sorted(folder.glob("*.gguf"))
        if files:
            advice = "Choose the folder of the original model in safetensors format."
            raise ModelError(
                f"{folder} holds {files[0].name}: GGUF files can be run but not trained.", advice
            )


def _is_adapter(folder: Path) -> bool:
    return (folder / ADAPTER_CONFIG).is_file() and not (folder / CONFIG).exists()


def _base_of(folder: Path) -> str:
    try:
        base = read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path")
    except ModelError:
        base = None
    return f"'{base}'" if isinstance(base, str) and base else "model"


def _checked_type(folder: Path, config: Mapping[str, Any]) -> str:  # Any: JSON values
    model_type = config.get("model_type")
    known = ", ".join(SUPPORTED)
    if not isinstance(model_type, str) or not model_type:
        raise ModelError(f"{folder / CONFIG} names no 'model_type'.", f"Supported are: {known}.")
    if model_type not in SUPPORTED:
        if config.get("auto_map"):
            raise ModelError(
                f"The model in {folder} would run its author's own code ('{model_type}'), which is not supported.",
                f"Choose a model of a known architecture: {known}.",
            )
        raise ModelError(
            f"The model in {folder} has the architecture '{model_type}', which is not supported.",
            f"Supported are: {known}.",
        )
    classes, expected = config.get("architectures"), SUPPORTED[model_type].class_name
    if isinstance(classes, list) and classes and classes[0] != expected:
        raise ModelError(
            f"The model in {folder} is a {classes[0]}, which does not write text.",
            f"Choose a model whose {CONFIG} says {expected}.",
        )
    if config.get("mlp_only_layers") or config.get("decoder_sparse_step", 1) != 1:
        raise ModelError(
            f"The model in {folder} has experts in some of its layers alone, which is not supported.",
            "Choose a model with experts in every layer, or without experts.",
        )
    if config.get("quantization_config"):
        settings = config["quantization_config"]
        method = settings.get("quant_method", "quantized") if isinstance(settings, dict) else "quantized"
        advice = "Choose the original model with 16-bit or 32-bit weights."
        raise ModelError(f"The weights in {folder} are compressed ({method}) and cannot be trained.", advice)
    return model_type


def _bytes_of(folder: Path) -> int:
    files = [folder] if folder.is_file() else folder.glob("*") if folder.is_dir() else []
    return sum(path.stat().st_size for path in files if path.is_file())


def _licence(folder: Path) -> str:
    """The licence that the model's page names in its front matter; nothing is guessed."""
    try:
        text = (folder / "README.md").read_text(encoding="utf-8-sig", errors="replace")[:20_000]
    except OSError:
        return ""
    front = text.split("---", 2)[1] if text.startswith("---") and text.count("---") > 1 else ""
    named = dict(_LICENCE.findall(front))
    return str(named.get("license_name") or named.get("license") or "")
