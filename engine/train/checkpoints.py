"""Checkpoints on disk: complete or absent, checked by hash, safetensors and JSON alone.

`checkpoints/step-000200/` holds what was learned (PEFT's two files, or a whole model), tensors to go on with
(`optimizer.safetensors`...), `state.json`, and `manifest.json` with size and SHA-256 of each file, written
last. It is built under another name and renamed when all of it is on disk.
"""

import contextlib
import hashlib
import json
import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from engine.job.channel import CHECKPOINTS
from engine.job.errors import FolderError, ModelError, ResourceError

MANIFEST = "manifest.json"
STATE = "state.json"
_NAME = re.compile(r"step-(\d+)")
_PART = ".part-"
_RESERVE = 32 * 2**20  # bytes that other files of the run may need meanwhile

Tensors = Mapping[str, Tensor]
Plain = dict[str, Any]  # Any: JSON values


def write_checkpoint(
    run: Path, step: int, save_weights: Callable[[Path], None], tensors: Mapping[str, Tensors], state: Plain
) -> Path:
    """Write a checkpoint; what was there before stays whole until this one is complete.

    `tensors` maps a file's stem to its tensors; a file without tensors is left out. Raises ResourceError when
    the disk is full, FolderError when the folder cannot be written.
    """
    final = checkpoint_folder(run, step)
    with complete_folder(final) as part:
        save_weights(part)
        for stem, content in tensors.items():
            if content:
                plain = {name: tensor.detach().contiguous().cpu() for name, tensor in content.items()}
                save_file(plain, part / f"{stem}.safetensors")
        (part / STATE).write_text(json.dumps(state, indent=1), encoding="utf-8")
        _write_manifest(part)
    return final


@contextlib.contextmanager
def complete_folder(final: Path) -> Iterator[Path]:
    """A folder to fill that takes its name only when all of it is on disk; on any error it vanishes.

    Raises ResourceError when the disk is full, FolderError when the place cannot be written.
    """
    part = final.with_name(f"{_PART}{final.name}-{os.getpid()}")
    try:
        final.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(part, ignore_errors=True)
        part.mkdir()
        yield part
        _flush(part)
        _replace(part, final)
    except (OSError, SafetensorError) as error:
        shutil.rmtree(part, ignore_errors=True)
        raise _disk_error(error, final) from error
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise


def require_space(folder: Path, needed: int) -> None:
    """Raise ResourceError unless `needed` bytes and a reserve are free where `folder` is."""
    free = shutil.disk_usage(folder).free
    if free < needed + _RESERVE:
        title = f"The disk is nearly full: the next checkpoint needs {needed / 2**20:.0f} MiB, "
        raise ResourceError(f"{title}{free / 2**20:.0f} MiB are free.", f"Free some space on {folder}.")


def checkpoint_folder(run: Path, step: int) -> Path:
    """Where the checkpoint of a step stands."""
    return run / CHECKPOINTS / f"step-{step:06d}"


def step_of(checkpoint: Path) -> int:
    """The step of a checkpoint, from its name."""
    found = _NAME.fullmatch(checkpoint.name)
    if found is None:
        raise FolderError(f"{checkpoint} is not a checkpoint.", "Give a folder such as step-000200.")
    return int(found[1])


def checkpoints(run: Path) -> list[Path]:
    """The checkpoints of a run, oldest first."""
    found = [path for path in (run / CHECKPOINTS).glob("step-*") if _NAME.fullmatch(path.name)]
    return sorted(found, key=step_of)


def damage(checkpoint: Path) -> str:
    """What is wrong with a checkpoint, in a few words; empty when each file is as it was written."""
    try:
        manifest = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
        for name, entry in manifest["files"].items():
            path = checkpoint / name
            if path.stat().st_size != entry["bytes"]:
                return f"{name} is cut short"
            if _hash(path) != entry["sha256"]:
                return f"{name} has changed since it was written"
    except FileNotFoundError as error:
        return f"{Path(str(error.filename)).name} is missing"
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return f"{MANIFEST} cannot be read"
    return ""


def newest_whole(run: Path, until: Path | None = None) -> tuple[Path | None, dict[str, str]]:
    """The newest undamaged checkpoint (not after `until`), and what is wrong with each newer one, by name."""
    damaged: dict[str, str] = {}
    for path in reversed(checkpoints(run)):
        if until is not None and step_of(path) > step_of(until):
            continue
        fault = damage(path)
        if not fault:
            return path, damaged
        damaged[path.name] = fault
    return None, damaged


def read_state(checkpoint: Path) -> Plain:
    """What stands in `state.json`."""
    state: Plain = json.loads((checkpoint / STATE).read_text(encoding="utf-8"))
    return state


def read_tensors(checkpoint: Path, stem: str) -> dict[str, Tensor]:
    """The tensors of one file, none when there is no such file; raises ModelError when it is damaged."""
    path = checkpoint / f"{stem}.safetensors"
    try:
        return load_file(path) if path.exists() else {}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path} cannot be read: {error}.", "Use an earlier checkpoint.") from None


def prune(run: Path, keep: int, best: int | None) -> None:
    """Remove all but the newest `keep` checkpoints and the one of step `best`; also leftovers of a crash."""
    for path in checkpoints(run)[:-keep]:
        if step_of(path) != best:
            shutil.rmtree(path, ignore_errors=True)
    for path in (run / CHECKPOINTS).glob(f"{_PART}*"):
        shutil.rmtree(path, ignore_errors=True)


def folder_bytes(folder: Path) -> int:
    """The size of all files in a folder."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _write_manifest(folder: Path) -> None:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    entries = {
        path.relative_to(folder).as_posix(): {"bytes": path.stat().st_size, "sha256": _hash(path)}
        for path in files
    }
    (folder / MANIFEST).write_text(json.dumps({"files": entries}, indent=1), encoding="utf-8")


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _flush(folder: Path) -> None:
    """Have everything in the folder on the disk itself, not in its cache, before the name says it is whole."""
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb+") as file:
                os.fsync(file.fileno())
    _flush_folder(folder)


def _flush_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows has no handle to a folder to flush
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _replace(part: Path, final: Path) -> None:
    old = final.with_name(f"{_PART}old-{final.name}-{os.getpid()}")
    if final.exists():
        final.rename(old)
    part.rename(final)
    _flush_folder(final.parent)
    shutil.rmtree(old, ignore_errors=True)


def _disk_error(error: OSError | SafetensorError, final: Path) -> ResourceError | FolderError:
    # safetensors wraps "no space left" in an error of its own, with the system's words inside.
    is_full = (
        getattr(error, "errno", None) == 28 or "No space left" in str(error) or "os error 28" in str(error)
    )
    if is_full:
        return ResourceError(
            f"The disk is full: {final.name} was not saved.", f"Free some space on {final.parent}."
        )
    return FolderError(f"{final} cannot be written: {error}.", "Choose a writable folder with free space.")
