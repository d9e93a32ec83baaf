"""Whether anything asks for a number's value: on a device of its own that would make the program wait for it."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_ASKING = ("aten::_local_scalar_dense", "aten::nonzero", "aten::masked_select", "aten::equal")


class ReadingWatch(TorchDispatchMode):
    """Within it `seen` gathers the operations whose outcome the program itself needs to go on."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = function.name()
        picks_by_truth = name.startswith("aten::index") and any(
            getattr(place, "dtype", None) == torch.bool for place in args[1] or ()
        )
        if name in _ASKING or picks_by_truth:
            self.seen.append(name)
        return function(*args, **(kwargs or {}))
