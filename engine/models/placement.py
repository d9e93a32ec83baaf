"""Where a model computes and in what numbers: the device and the dtype that "auto" stands for."""

import platform

import torch

from engine.job.errors import JobError
from engine.library.devices import SMALLEST_FOR_BFLOAT16

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


def choose_device(kind: str) -> str:
    """The device for "auto", "cuda", "mps" or "cpu"; raises JobError when the one asked for is absent."""
    present = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if kind == "auto":
        return next(name for name, is_there in present.items() if is_there)
    if kind not in present:
        raise JobError(f"There is no device '{kind}'.", "Choose auto, cuda, mps or cpu.")
    if not present[kind]:
        name = {"cuda": "NVIDIA GPU", "mps": "Apple GPU"}[kind]
        raise JobError(f"'device.kind' is '{kind}', but no {name} can be used here.", "Set it to 'auto'.")
    return kind


def settle_attention(device: str) -> None:
    """Keep cuDNN's attention out of the choice on NVIDIA GPUs: it builds a plan for every new shape of its inputs.

    Batches of text have a new width nearly every time, and answers grow by a token: on an H200 with torch 2.11 an
    update of new width took 1.2 s by cuDNN's kernels with padding (0.1 s without), and 0.04 s by torch's own.
    """
    if device == "cuda":
        torch.backends.cuda.enable_cudnn_sdp(False)


def choose_dtype(name: str, device: str, parameters: int) -> torch.dtype:
    """The dtype for a name; "auto" is bfloat16 where the device computes with it natively, else float32."""
    if name != "auto":
        return DTYPES[name]
    is_worth_it = parameters >= SMALLEST_FOR_BFLOAT16 and has_bfloat16(device)
    return torch.bfloat16 if is_worth_it else torch.float32


def has_bfloat16(device: str) -> bool:
    """Whether the device computes with bfloat16 itself and does not merely imitate it."""
    if device == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device == "mps":
        return int((platform.mac_ver()[0] or "0").split(".")[0]) >= 14
    # torch keeps these two questions to itself and not every version has them: no answer means no.
    questions = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")
    return any(getattr(torch.cpu, question, bool)() for question in questions)


def dtype_name(dtype: torch.dtype) -> str:
    """The name as settings and config files have it: "float32", "bfloat16", "float16"."""
    return str(dtype).removeprefix("torch.")
