"""From main memory to where training happens and back, without waiting for it."""

import torch
from torch import Tensor


def sent(tensor: Tensor, device: str) -> Tensor:
    """The tensor on a device.

    An NVIDIA GPU fetches it by itself, when its turn comes, from memory that the system cannot move; from any other
    the program itself would have to wait until all earlier work is done. So the batches of an update are built and
    handed over while the one before still runs (`engine.train.ledger`), and no thread is needed beside: building
    takes a third of a millisecond for 1,000 tokens.
    """
    if device.partition(":")[0] == "cuda":
        return tensor.pin_memory().to(device, non_blocking=True)
    return tensor.to(device)


def fetched(tensor: Tensor) -> Tensor:
    """The tensor in main memory.

    From an NVIDIA GPU it comes in its turn: its numbers may be looked at once something that was asked of the GPU later
    is known to be done.
    """
    if tensor.is_cuda:
        there = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True)
        return there.copy_(tensor.detach(), non_blocking=True)
    return tensor.detach().cpu()
