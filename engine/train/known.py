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
    lines, values = _read(_file(mark), known.shape[1])
    if not lines:
        return
    for example in examples:
        line = lines.get(example.digest)
        if line is not None:
            known[example.index] = values[line]


def remember(mark: str, examples: Iterable[Example], known: Tensor) -> None:
    """Keep what is known of these examples for later runs; raises OSError or SafetensorError when it cannot."""
    file = _file(mark)
    lines, values = _read(file, known.shape[1])
    is_known = (~known[:, 0].isnan()).tolist()
    fresh = {example.digest: example.index for example in examples if is_known[example.index]}
    if fresh.keys() <= lines.keys():
        return
    earlier = [digest for digest in lines if digest not in fresh]
    kept = torch.cat([values[[lines[digest] for digest in earlier]], known[list(fresh.values())]])
    file.parent.mkdir(parents=True, exist_ok=True)
    part = file.with_suffix(f".{os.getpid()}.part")
    rows = torch.frombuffer(bytearray(b"".join([*earlier, *fresh])), dtype=torch.uint8)
    try:
        save_file({"rows": rows.reshape(len(kept), -1), "values": kept}, part)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    _prune(file.parent)


def _file(mark: str) -> Path:
    return cache_folder() / "reference" / f"{mark}.safetensors"


def _read(file: Path, columns: int) -> tuple[dict[bytes, int], Tensor]:
    """The line of each digest in the values (N, C); none where the file is missing, damaged or of another width."""
    try:
        tensors = load_file(file)
        rows, values = tensors["rows"], tensors["values"]
    except (OSError, SafetensorError, KeyError):
        return {}, torch.empty(0, columns)
    if values.shape != (len(rows), columns) or rows.dtype != torch.uint8:
        return {}, torch.empty(0, columns)
    return {row.numpy().tobytes(): line for line, row in enumerate(rows)}, values


def _prune(folder: Path) -> None:
    files = sorted(folder.glob("*.safetensors"), key=lambda file: file.stat().st_mtime)
    for file in files[:-_MOST_FILES]:
        file.unlink(missing_ok=True)
