"""Normalisation by the root of the mean square, keeping its input as it came and one number a token.

transformers' modules keep a float32 copy of the input. Families differ in where they round and in what their weight
means; which of the forms below a module has is tried out on numbers, not read from its name.
"""

from typing import Any, Literal

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

Form = Literal["rounded", "wide", "from one"]
FORMS: tuple[Form, ...] = ("rounded", "wide", "from one")
"""The weight times the rounded states (Llama), times the float32 ones (OLMo 2), or one more than it (Gemma)."""


def normed(states: Tensor, weight: Tensor, eps: float, form: Form) -> Tensor:
    """Of states (..., D): states / sqrt(mean(states^2) + eps), times the frozen weight (D), in their dtype."""
    made: Tensor = _Normed.apply(states, weight, eps, form)
    return made


def form_of(module: Any) -> tuple[float, Form] | None:  # Any: each family has a class of its own
    """The epsilon and the form of a normalisation with a frozen weight; None for what gives other numbers."""
    own = vars(module)
    eps = own.get("variance_epsilon", own.get("eps"))
    weight = own["_parameters"].get("weight")
    if not isinstance(eps, float) or weight is None or weight.requires_grad or len(own["_parameters"]) > 1:
        return None
    generator = torch.Generator().manual_seed(0)
    states = torch.randn(3, len(weight), generator=generator).to(weight.device, weight.dtype)
    with torch.no_grad():
        expected = type(module).forward(module, states)
        fitting = (form for form in FORMS if torch.equal(normed(states, weight, eps, form), expected))
        form = next(fitting, None)
    return None if form is None else (eps, form)


class _Normed(torch.autograd.Function):
    """Zhang and Sennrich 2019, equation 4; the mean's gradient in float32."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, eps: float, form: Form) -> Tensor:
        wide = states.float()
        inverse = torch.rsqrt(wide.pow(2).mean(-1, keepdim=True) + eps)
        even = wide * inverse if wide is states else wide.mul_(inverse)
        ctx.form = form
        ctx.save_for_backward(states, weight, inverse)
        if form == "rounded":
            return even.to(states.dtype).mul_(weight)
        return even.mul_(_factor(weight, form)).to(states.dtype)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, from_output: Tensor) -> Any:
        states, weight, inverse = ctx.saved_tensors
        wide = states.float()
        from_even = from_output.float() * _factor(weight, ctx.form)
        share = torch.linalg.vecdot(from_even, wide).unsqueeze(-1) * inverse.square() / states.shape[-1]
        into = from_even.addcmul_(wide, share, value=-1).mul_(inverse)
        return into.to(states.dtype), None, None, None


def _factor(weight: Tensor, form: Form) -> Tensor:
    return 1.0 + weight.float() if form == "from one" else weight.float()
