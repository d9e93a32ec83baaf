"""Weights as files: which ones a folder has and what their headers say. Reads headers only, never a tensor."""

import json
import struct
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from engine.job.errors import ModelError

WEIGHTS = "model.safetensors"
INDEX = "model.safetensors.index.json"
_BYTES = {
    "F64": 8,
    "F32": 4,
    "F16": 2,
    "BF16": 2,
    "I64": 8,
    "I32": 4,
    "I16": 2,
    "I8": 1,
    "U8": 1,
    "BOOL": 1,
    "F8_E4M3": 1,
    "F8_E5M2": 1,
}
_NAMES = {"F64": "float64", "F32": "float32", "F16": "float16", "BF16": "bfloat16"}
_LARGEST_HEADER = 100_000_000
_AGAIN = "Download or copy the file again."


@dataclass(frozen=True)
class TensorInfo:
    """One tensor by its header; `file` is the name of the file that holds it."""

    dtype: str
    shape: tuple[int, ...]
    file: str

    @property
    def count(self) -> int:
        """Number of elements."""
        return prod(self.shape)


@dataclass(frozen=True)
class Weights:
    """All tensors of a folder. `bytes` is the size of the files; `dtype` the most frequent number format."""

    tensors: dict[str, TensorInfo]
    bytes: int
    dtype: str


def read_weights(folder: Path) -> Weights:
    """The headers of a folder's weights; raises ModelError naming the file that is missing or damaged."""
    files = weight_files(folder)
    tensors: dict[str, TensorInfo] = {}
    for path in files:
        tensors |= read_header(path)
    _check_index(folder, tensors)
    counts: dict[str, int] = {}
    for tensor in tensors.values():
        counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.count
    dtype = max(counts, key=lambda name: counts[name]) if counts else ""
    return Weights(tensors, sum(path.stat().st_size for path in files), _NAMES.get(dtype, dtype.lower()))


def weight_files(folder: Path) -> list[Path]:
    """The safetensors files of a model folder; raises ModelError when there are none or not all."""
    index = folder / INDEX
    if index.exists():
        return _indexed_files(folder, index)
    if (folder / WEIGHTS).exists():
        return [folder / WEIGHTS]
    shards = sorted(path.name for path in folder.glob("model-*-of-*.safetensors"))
    if shards:
        raise ModelError(f"{INDEX} is missing in {folder}, which has {shards[0]}.", _AGAIN)
    pickles = sorted(path.name for path in folder.glob("*.bin") if "model" in path.name)
    pickles += sorted(path.name for path in folder.glob("*.pth"))
    if pickles:
        raise ModelError(
            f"{folder} has its weights only as {pickles[0]}, a format that can run a stranger's program.",
            "Look for the same model in safetensors format.",
        )
    raise ModelError(
        f"There are no weights in {folder}: neither {WEIGHTS} nor {INDEX}.",
        "Choose the folder that holds the model's weights, or download the model again.",
    )


def read_header(path: Path) -> dict[str, TensorInfo]:
    """The tensors of one safetensors file, the header checked against the file's size; raises ModelError."""
    try:
        size = path.stat().st_size
        with path.open("rb") as file:
            start = file.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
            _refuse_other_content(path, start + file.read(512))
            if size < 8 or length > min(size - 8, _LARGEST_HEADER):
                raise _short(path, size, 8 + length if length <= _LARGEST_HEADER else None)
            file.seek(8)
            header = json.loads(file.read(length))
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", "Check the file.") from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is damaged: its header is not readable.", _AGAIN) from None
    return _tensors(path, header, size - 8 - length, 8 + length)


def read_json(path: Path) -> dict[str, Any]:  # Any: JSON values
    """The JSON object in a model's file, a byte-order mark allowed; raises ModelError with the position."""
    try:
        data = path.read_bytes()
        _refuse_other_content(path, data[:600])
        values = json.loads(data.decode("utf-8-sig"))
    except FileNotFoundError:
        advice = "Choose the folder that holds config.json, the weights and the tokenizer."
        raise ModelError(f"{path.name} is missing in {path.parent}.", advice) from None
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}.", "Check the file.") from None
    except UnicodeDecodeError as error:
        raise ModelError(f"{path} is not UTF-8 text: byte {error.start + 1}.", _AGAIN) from None
    except json.JSONDecodeError as error:
        where = f"line {error.lineno}, column {error.colno}: {error.msg}"
        raise ModelError(
            f"{path} is not valid JSON ({where}).", "Mend that place or copy the file again."
        ) from None
    except (ValueError, RecursionError):
        raise ModelError(f"{path} is not valid JSON.", _AGAIN) from None
    if not isinstance(values, dict):
        raise ModelError(f"{path} holds no JSON object.", _AGAIN)
    return values


def _refuse_other_content(path: Path, start: bytes) -> None:
    if start.startswith(b"version https://git-lfs"):
        advice = "Fetch the real file with 'git lfs pull', or download the model again."
        raise ModelError(f"{path} is a Git LFS pointer, not the file itself.", advice)
    if start.lstrip().lower().startswith((b"<!doctype html", b"<html")):
        raise ModelError(f"{path} is a web page, not the file itself.", "Download the file again, signed in.")


def _indexed_files(folder: Path, index: Path) -> list[Path]:
    weight_map = read_json(index).get("weight_map")
    if not isinstance(weight_map, dict) or not weight_map:
        raise ModelError(f"{index} has no 'weight_map'.", _AGAIN)
    names = sorted({str(name) for name in weight_map.values()})
    for name in names:
        if Path(name).name != name or "\\" in name or ":" in name or not name.endswith(".safetensors"):
            advice = "Do not use this model: its index reaches for other files."
            raise ModelError(f"{index} names '{name}', which is not a weights file in its folder.", advice)
        if not (folder / name).exists():
            raise ModelError(
                f"{name} is missing in {folder}, one of {len(names)} parts of the weights.", _AGAIN
            )
    return [folder / name for name in names]


def _check_index(folder: Path, tensors: dict[str, TensorInfo]) -> None:
    index = folder / INDEX
    weight_map = read_json(index)["weight_map"] if index.exists() else {}
    for name, file in weight_map.items():
        if name not in tensors or tensors[name].file != file:
            raise ModelError(f"{file} in {folder} lacks the tensor '{name}' that the index promises.", _AGAIN)


def _tensors(path: Path, header: object, size: int, start: int) -> dict[str, TensorInfo]:
    if not isinstance(header, dict):
        raise ModelError(f"{path} is damaged: its header is not readable.", _AGAIN)
    tensors, end = {}, 0
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        try:
            dtype, shape = str(entry["dtype"]), tuple(int(n) for n in entry["shape"])
            first, last = (int(n) for n in entry["data_offsets"])
        except (KeyError, TypeError, ValueError):
            raise ModelError(f"{path} is damaged: the entry of '{name}' is not readable.", _AGAIN) from None
        tensors[name] = TensorInfo(dtype, shape, path.name)
        fits = dtype not in _BYTES or last - first == _BYTES[dtype] * prod(shape)
        if first < 0 or min(shape, default=0) < 0 or not fits:
            raise ModelError(f"{path} is damaged: the size of '{name}' does not fit its shape.", _AGAIN)
        end = max(end, last)
    if end != size:
        raise _short(path, start + size, start + end)
    return tensors


def _short(path: Path, size: int, expected: int | None) -> ModelError:
    if size == 0:
        return ModelError(f"{path} is empty (0 bytes).", _AGAIN)
    if expected is None:
        return ModelError(f"{path} is damaged: its header is not readable.", _AGAIN)
    word = "cut short" if size < expected else "damaged"
    return ModelError(f"{path} is {word}: it has {size:,} bytes instead of {expected:,}.", _AGAIN)
