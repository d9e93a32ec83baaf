"""Cards: how a person, a form and a worker know a method, an adapter or an exporter, without torch.

To add one: a settings dataclass, a function that `code` names, and one line in a registry
(methods.py, adapters.py, moe.py, exports.py).
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

from engine.job.settings import unknown_name

C = TypeVar("C")

RowKind = Literal["conversation", "preference", "feedback", "text"]


@dataclass(frozen=True)
class Paper:
    """Where a method comes from."""

    title: str
    url: str


@dataclass(frozen=True)
class Line:
    """One curve of a chart: the metric's name in `Step.metrics` ("loss" is `Step.loss`) and its legend.

    `of_checks`: it stands in `Evaluated.metrics`, measured on the rows kept back.
    """

    metric: str
    label: str
    of_checks: bool = False


@dataclass(frozen=True)
class Chart:
    """One chart that a card asks for. `guide` is a horizontal line worth knowing (0.5 is guessing).

    Where its height depends on the run, `guide_from` names the field of `Routing` that tells it.
    """

    title: str
    hint: str
    lines: tuple[Line, ...]
    is_share: bool = False
    guide: float | None = None
    guide_from: str = ""
    guide_label: str = ""


@dataclass(frozen=True)
class Family:
    """Methods that learn from the same kind of rows: what a person chooses first."""

    kind: str
    title: str
    subtitle: str
    help: str


@dataclass(frozen=True)
class MethodCard:
    """A way to learn. `code` is resolved in the worker only ("module:function")."""

    kind: str
    family: Literal["instruction", "preference", "feedback", "pretraining"]
    title: str
    subtitle: str
    help: str
    good_for: str
    costs: str
    settings: type
    rows: RowKind
    charts: tuple[Chart, ...]
    code: str
    paper: Paper
    needs_reference: bool = False
    expert: bool = False


@dataclass(frozen=True)
class AdapterCard:
    """What part of the model changes. `code` builds it in the worker.

    `saves`: "peft" is PEFT's format, "own" a folder that only Tunewright opens, "model" a whole model.
    `can_recompute`: activations may be recomputed to save memory. `can_quantize`: the base may be compressed.
    `can_learn_words`: all word vectors can learn beside it; `can_add_tokens`: those of new tokens alone.
    `can_switch_off`: the model before training is still there. `starts_at_base`: nothing changes before the first
    update. `holds_float32`: the model's own weights are held in 32 bits. `learning_rate` suits it.
    """

    kind: str
    title: str
    subtitle: str
    help: str
    settings: type
    code: str
    paper: Paper
    good_for: str = ""
    costs: str = ""
    saves: Literal["peft", "own", "model"] = "peft"
    can_merge: bool = True
    can_gguf: bool = True
    can_recompute: bool = True
    can_quantize: bool = True
    can_learn_words: bool = True
    can_add_tokens: bool = False
    can_switch_off: bool = True
    starts_at_base: bool = True
    holds_float32: bool = False
    learning_rate: float = 2e-4
    recommended: bool = False
    expert: bool = False


@dataclass(frozen=True)
class MoeCard:
    """Whether the model is split into experts. `code` does it in the worker; empty where nothing is done.

    `charts` show how the tokens are shared among the experts. `is_adapter`: they stand beside the model, so that
    `code` puts on the adapter as well.
    """

    kind: str
    title: str
    subtitle: str
    help: str
    settings: type
    code: str = ""
    good_for: str = ""
    costs: str = ""
    paper: Paper | None = None
    charts: tuple[Chart, ...] = ()
    expert: bool = False
    is_adapter: bool = False


@dataclass(frozen=True)
class ExportCard:
    """A format to take away."""

    kind: str
    title: str
    help: str
    types: Mapping[str, str]
    code: str


def find_card(registry: Mapping[str, C], kind: str, where: str) -> C:
    """The card of that kind; raises JobError naming `where` and the nearest kind."""
    if kind not in registry:
        raise unknown_name(kind, kind, registry, what=f"'{where}'")
    return registry[kind]


def resolve(code: str) -> Callable[..., Any]:  # Any: each card's function has its own signature
    """The function that a card's `code` names. Imports its module: call it in the worker only."""
    module, _, name = code.partition(":")
    function: Callable[..., Any] = getattr(importlib.import_module(module), name)
    return function
