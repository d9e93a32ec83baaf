"""Our own adapter format, for what PEFT does not have: what it is, written beside its tensors.

`adapter_config.json` says `"format": "tunewright"`, the kind ("bottleneck", "freeze"), its settings and the base;
`adapter_model.safetensors` holds the learned tensors by their names in the model. PEFT does not open it.
"""

import contextlib
import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.job.errors import ModelError

ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_WEIGHTS = "adapter_model.safetensors"
FORMAT = "tunewright"
_AGAIN = "Copy it again from where it came."


@dataclass
class OwnAdapter:
    """What was added to a model, or which of its weights learn. `base_model_name_or_path` as the job names it."""

    kind: str
    settings: dict[str, Any] = field(default_factory=dict)  # Any: JSON values
    base_model_name_or_path: str = ""


def mark(model: Any, own: OwnAdapter) -> Any:  # Any: transformers' models share no typed interface
    """Note on the model itself what was added to it."""
    model.own_adapter = own
    return model


def own_adapter(model: torch.nn.Module) -> OwnAdapter | None:
    """What was noted; None for a model without an adapter of our own kind."""
    own: OwnAdapter | None = getattr(model, "own_adapter", None)
    return own


@contextlib.contextmanager
def switched_off(model: torch.nn.Module, kind: type[torch.nn.Module]) -> Iterator[None]:
    """The model as if its parts of this kind, which have `is_on`, were not there."""
    found: list[Any] = [part for part in model.modules() if isinstance(part, kind)]
    for part in found:
        part.is_on = False
    try:
        yield
    finally:
        for part in found:
            part.is_on = True


def is_own(folder: Path) -> bool:
    """Whether the folder holds an adapter in our own format."""
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("format") == FORMAT


def write_own(folder: Path, own: OwnAdapter, tensors: dict[str, Tensor]) -> None:
    """Write both files."""
    config = {"format": FORMAT, "version": 1, **asdict(own)}
    (folder / ADAPTER_CONFIG).write_text(json.dumps(config, indent=2, sort_keys=True), encoding="utf-8")
    plain = {name: tensor.detach().contiguous() for name, tensor in tensors.items()}
    save_file(plain, folder / ADAPTER_WEIGHTS, metadata={"format": "pt"})


def read_own(folder: Path) -> tuple[OwnAdapter, dict[str, Tensor]]:
    """Read both files; raises ModelError when one cannot be read."""
    try:
        config = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))
        own = OwnAdapter(config["kind"], dict(config["settings"]), config["base_model_name_or_path"])
        return own, load_file(folder / ADAPTER_WEIGHTS)
    except FileNotFoundError:
        title = f"{folder / ADAPTER_WEIGHTS} is missing."
        raise ModelError(title, "Give a folder with both files of an adapter.") from None
    except (OSError, ValueError, TypeError, KeyError, SafetensorError) as error:
        raise ModelError(f"The adapter in {folder} cannot be read: {str(error)[:200]}.", _AGAIN) from None
