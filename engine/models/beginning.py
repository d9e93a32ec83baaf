"""The model that a run begins with: its base, with what earlier runs learned built in."""

import dataclasses
from pathlib import Path
from typing import Any

from engine.job.errors import ModelError
from engine.library.lineage import Lineage
from engine.models.adapters import load_adapter
from engine.models.load import LoadedModel, load_model, load_tokenizer
from engine.models.merging import built_in


def load_beginning(
    lineage: Lineage, dtype: str = "auto", device: str = "auto", quantization: str = "none"
) -> LoadedModel:
    """Load the base and build in, in order, the adapters that lie beneath.

    The adapter to go on with, if there is one, is not put on: see `Lineage.start`. Raises ModelError as
    `load_model` does, and for an adapter that cannot be built in.
    """
    if lineage.beneath and quantization != "none":
        title = "What an earlier run learned cannot be built into compressed weights ('model.quantization')."
        raise ModelError(title, "Set it to 'none', or export the earlier run and begin from that model.")
    loaded = load_model(lineage.folder, dtype, device, quantization)
    return with_beneath(loaded, lineage.beneath)


def with_beneath(loaded: LoadedModel, beneath: tuple[Path, ...]) -> LoadedModel:
    """`loaded` with these adapters built in, the earliest first, in its own numbers; its model is used up."""
    model: Any = loaded.model  # Any: transformers' models share no typed interface
    for folder in beneath:
        numbers = next(model.parameters()).dtype
        model = built_in(load_adapter(model, folder), numbers).model
    if beneath:
        model.eval().requires_grad_(False)
    return dataclasses.replace(loaded, model=model)


def reads_alike(one: LoadedModel, folder: Path) -> bool:
    """Whether the tokenizer of another model's folder gives the same ids."""
    other: dict[str, int] = load_tokenizer(folder).get_vocab()
    return other == one.tokenizer.get_vocab()
