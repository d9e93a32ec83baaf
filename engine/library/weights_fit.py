"""Whether the tensors in the weights are those that config.json promises."""

import re
from collections.abc import Mapping
from pathlib import Path

from engine.job.errors import ModelError
from engine.library.architectures import Shape, expert_tensors, linears, stored_shape
from engine.library.weights import Weights

HEAD = "lm_head.weight"


def check_tensors(folder: Path, model_type: str, shape: Shape, weights: Weights, tied: bool) -> None:
    """Raise ModelError when a matrix is missing or not shaped as config.json says, naming the tensor."""
    by_ending = {_ending(name): name for name in weights.tensors}
    for layer in range(shape.layers):
        for linear in linears(model_type, shape):
            wanted = stored_shape(model_type, linear)
            _check_tensor(folder, weights, by_ending, f"{layer}.{linear.name}.weight", wanted)
        for name, wanted in expert_tensors(model_type, shape):
            _check_tensor(folder, weights, by_ending, f"{layer}.{name}", wanted)
    embedding = next((by_ending[n] for n in ("embed_tokens.weight", "wte.weight") if n in by_ending), None)
    if embedding is None:
        raise ModelError(f"The weights in {folder} lack the word embeddings.", "Download the model again.")
    _check_tensor(folder, weights, by_ending, _ending(embedding), (shape.vocab, shape.hidden))
    if not tied and HEAD not in weights.tensors:
        raise ModelError(f"The weights in {folder} lack the tensor '{HEAD}'.", "Download the model again.")


def _check_tensor(
    folder: Path, weights: Weights, by_ending: Mapping[str, str], ending: str, wanted: tuple[int, int]
) -> None:
    if ending not in by_ending:
        advice = "Download the model again."
        name = f"layers.{ending}" if ending[:1].isdigit() else ending
        raise ModelError(f"The weights in {folder} lack the tensor '{name}'.", advice)
    name = by_ending[ending]
    found = weights.tensors[name].shape
    if found != wanted:
        sizes = f"{_times(found)}, but config.json asks for {_times(wanted)}"
        advice = "Use the config.json that belongs to these weights."
        raise ModelError(f"The tensor '{name}' in {folder} is {sizes}.", advice)


def _ending(name: str) -> str:
    """A tensor's name without its model's own beginning: "3.mlp.up_proj.weight", "embed_tokens.weight"."""
    return re.sub(r"^(model\.|transformer\.)*(layers\.|h\.)?", "", name)


def count_parameters(weights: Weights, tied: bool) -> int:
    """Number of weights, a shared output layer counted once."""
    counted = (t.count for name, t in weights.tensors.items() if not (tied and name == HEAD))
    return sum(counted)


def _times(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape)) or "a single number"
