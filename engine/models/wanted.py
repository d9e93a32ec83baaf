"""Which positions of a batch are asked for in the end, as the last layer needs to know while it computes.

Known within one pass of a batch that is scored, and again while that pass is repeated on the way back; never elsewhere.
"""

from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar, Token
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Wanted:
    """Positions `rows` (M,) of a batch's flattened (R * T), ascending, each once; `shape` is (R, T).

    `attention` is the last layer's. None of its other queries are asked for.
    """

    rows: Tensor
    shape: tuple[int, int]
    attention: torch.nn.Module


_now: ContextVar[Wanted | None] = ContextVar("wanted", default=None)


def wanted_now() -> Wanted | None:
    """What is asked for in this pass; None where it is everything."""
    return _now.get()


class wanting(AbstractContextManager[None]):  # noqa: N801 - used as a function
    """Within it, this alone is asked for; all again behind it, whatever happened. It may be entered again."""

    def __init__(self, wanted: Wanted | None) -> None:
        self._wanted = wanted
        self._before: list[Token[Wanted | None]] = []

    def __enter__(self) -> None:
        """From here on."""
        self._before.append(_now.set(self._wanted))

    def __exit__(self, *error: object) -> None:
        """As before."""
        _now.reset(self._before.pop())


def as_now() -> tuple[AbstractContextManager[None], AbstractContextManager[None]]:
    """What torch's `checkpoint` computes within, first and again: on the way back the same is asked for as now."""
    return nullcontext(), wanting(wanted_now())
