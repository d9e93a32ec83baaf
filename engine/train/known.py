"""What references thought of rows in earlier runs, kept on disk by content: a second run starts at once.

One file for each reference: a row is known by its tokens and which of them are learned, so that other data, another
template or another cut is another row. It lies in the cache folder and may be deleted at any time.
"""

import os
from collections.abc import Iterable
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.library.folders import cache_folder
from engine.train.batches import Example

_MOST_FILES = 20


def recall(mark: str, examples: Iterable[Example], known: Tensor) -> None:
    """Fill in what is known of these examples into `known` (count, C), by their index; the rest stays as it is."""
    stored = _read(_file(mark), known.shape[1])
    for example in examples:
        values = stored.get(example.digest)
        if values is not None:
            known[example.index] = values


def remember(mark: str, examples: Iterable[Example], known: Tensor) -> None:
    """Keep what is known of these examples for later runs; raises OSError or SafetensorError when it cannot."""
    file = _file(mark)
    stored = _read(file, known.shape[1])
    fresh = {example.digest: known[example.index] for example in examples}
    fresh = {digest: values for digest, values in fresh.items() if not values[0].isnan()}
    if fresh.keys() <= stored.keys():
        return
    stored |= fresh
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    rows = torch.frombuffer(bytearray(b"".join(stored)), dtype=torch.uint8).reshape(len(stored), -1)
    try:
        save_file({"rows": rows, "values": torch.stack(list(stored.values()))}, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    _prune(file.parent)


def _file(mark: str) -> Path:
    return cache_folder() / "reference" / f"{mark}.safetensors"


def _read(file: Path, columns: int) -> dict[bytes, Tensor]:
    """Values by digest; nothing where the file is missing, damaged or of another width."""
    try:
        tensors = load_file(file)
        rows, values = tensors["rows"], tensors["values"]
    except (OSError, SafetensorError, KeyError):
        return {}
    if values.shape != (len(rows), columns) or rows.dtype != torch.uint8:
        return {}
    return {row.numpy().tobytes(): value for row, value in zip(rows, values, strict=True)}


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_MOST_FILES]:
        file.unlink(missing_ok=True)
