"""Whether weights or an optimizer's memory can be held in few bits here: asked before anything is loaded, without torch."""

from importlib.util import find_spec

from engine.library.devices import Machine

_PACKAGE = "bitsandbytes"


def quantization_problem(machine: Machine) -> str:
    """Why 4-bit weights cannot be used on the best device of this computer; empty when they can."""
    return problem_on(machine.devices[0].kind)


def problem_on(device: str) -> str:
    """The same for one kind of device: "cuda", "mps" or "cpu"."""
    if device == "mps":
        return "Apple GPUs cannot compute with 4-bit weights yet."
    if find_spec(_PACKAGE) is None:
        return f"4-bit weights need the package {_PACKAGE}, which is not installed."
    return ""


def optimizer_problem_on(device: str) -> str:
    """Why an optimizer of 8 bits cannot be used on one kind of device; empty when it can."""
    if device == "mps":
        return "Apple GPUs have no optimizer of 8 bits yet."
    if find_spec(_PACKAGE) is None:
        return f"An optimizer of 8 bits needs the package {_PACKAGE}, which is not installed."
    return ""
