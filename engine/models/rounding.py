"""What a processor's products of bfloat16 are rounded to."""

from functools import lru_cache

import torch


@lru_cache(maxsize=1)
def rounds_once() -> bool:
    """Whether `c + scale * a b` of bfloat16 is quick on this processor, and rounded when all is added, not before.

    Tried out with numbers that show it: 16 + 2^-6 - 16 is 2^-6, but 0 where the product is rounded by itself.
    `torch.addmm` and `torch.baddbmm` are both asked for, as they need not be the same code.
    """
    if not _is_quick():
        return False
    left = torch.zeros(2, 64, 64, dtype=torch.bfloat16)
    left[..., 0], left[..., 63] = 32, 2**-5
    right, start = torch.ones_like(left), torch.full((2, 64, 1), -16, dtype=torch.bfloat16)
    with torch.no_grad(), torch.autocast("cpu", enabled=False):
        one = torch.addmm(start[0], left[0], right[0], alpha=0.5)
        many = torch.baddbmm(start, left, right, alpha=0.5)
    return bool((one == 2**-6).all() and (many == 2**-6).all())


def _is_quick() -> bool:
    """Whether oneDNN multiplies bfloat16: elsewhere torch does so one by one, at a tenth of float32's speed."""
    return torch.backends.mkldnn.is_available() and bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())
