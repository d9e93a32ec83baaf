"""The model that a run begins with: its base, with what earlier runs learned built in."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from engine.job.errors import ModelError
from engine.library.lineage import Lineage
from engine.models.adapters import load_adapter
from engine.models.load import LoadedModel, load_model
from engine.models.merging import built_in
from engine.models.vocabulary import extended, tokenizer_with


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
    return with_beneath(loaded, lineage.beneath, lineage.tokens)


def with_beneath(
    loaded: LoadedModel, beneath: tuple[Path, ...], tokens: Sequence[tuple[str, ...]]
) -> LoadedModel:
    """`loaded` with these adapters built in, the earliest first, in its own numbers; its model is used up.

    `tokens` are the new tokens that it gets before each of them, and last those after them all.
    """
    for folder, fresh in zip(beneath, tokens, strict=False):
        loaded = extended(loaded, fresh)
        numbers = next(loaded.model.parameters()).dtype
        merged = built_in(load_adapter(loaded.model, folder), numbers)
        loaded = dataclasses.replace(loaded, model=merged.model)
    loaded = extended(loaded, tokens[-1])
    if beneath:
        loaded.model.eval().requires_grad_(False)
    return loaded


def reads_alike(one: LoadedModel, other: Lineage) -> bool:
    """Whether the tokenizer of another model gives the same ids."""
    theirs: dict[str, int] = tokenizer_with(other.folder, other.tokens).get_vocab()
    return theirs == one.tokenizer.get_vocab()
