"""Open what shall answer: a base, or a base with what a run learned.

**What you compare is what you get.** A tuned model answers in Compare as its export will: the adapter is built
into the weights in float32 and rounded once to the numbers of the export, and computing is done in those. Stock
transformers, which loads an exported folder in its stored numbers, then does the same arithmetic and gives the
same answers word for word, near ties included. Answering with the adapter beside a 16-bit base would not: it
computes a little finer than any 16-bit file that can be handed on.

The numbers are those that the base is stored in, except that models of a few million parameters are answered
and exported in float32, as they were trained: of 12 answers of the starter model 16-bit rounding changed 3, and
near ties in 16 bits also fall differently with another number of processor threads.

An adapter that cannot be part of the weights (prompts, bottlenecks) answers beside its base, as it is exported.

Columns share one base: only the matrices that an adapter changes are held twice.
"""

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from engine.job.job import Job
from engine.library.models import check_model
from engine.models.adapters import ADAPTER_CONFIG, load_adapter
from engine.models.beginning import with_beneath
from engine.models.fingerprint import fingerprint
from engine.models.generate import answer_ends
from engine.models.growing import grown, grows
from engine.models.load import LoadedModel, load_model
from engine.models.merging import Merged, built_in, can_be_built_in, cast_parameters, shared_copy
from engine.models.placement import DTYPES, SMALLEST_FOR_BFLOAT16, choose_device
from engine.models.template import open_template
from engine.models.vocabulary import tokenizer_with
from engine.use.places import Place, find_place

Bases = dict[tuple[object, ...], LoadedModel]


@dataclass(frozen=True)
class Opened:
    """A model that is ready to answer. `weights` and `fingerprint` prove which weights these are.

    `end_ids` end an answer. `merged` tells how an adapter was built in; None for a base, for a model trained
    whole, and where the adapter was left beside its base.
    """

    loaded: LoadedModel
    title: str
    weights: str
    fingerprint: str
    end_ids: tuple[int, ...]
    place: Place
    merged: Merged | None = None

    @property
    def model(self) -> Any:  # Any: transformers' models share no typed interface
        """The model itself."""
        return self.loaded.model

    @property
    def tokenizer(self) -> Any:  # Any: nor do its tokenizers
        """Its tokenizer, with the template that it was trained with."""
        return self.loaded.tokenizer

    @property
    def parameters(self) -> int:
        """How many weights the model has."""
        return sum(weight.numel() for weight in self.model.parameters())


def open_model(source: str, device: str = "auto", dtype: str = "auto", bases: Bases | None = None) -> Opened:
    """Open 'starter', a folder, a hub id, a run or run@step on a device.

    `dtype` "auto" is `own_dtype`. `bases` keeps what was loaded, so that the next column can
    share it. Raises EngineError children in one sentence for what cannot be opened.
    """
    return open_place(find_place(source), device, dtype, bases)


def open_place(place: Place, device: str = "auto", dtype: str = "auto", bases: Bases | None = None) -> Opened:
    """As `open_model`, for a name that was resolved already."""
    numbers = DTYPES[own_dtype(place.base) if dtype == "auto" else dtype]
    base = _base(place, device, numbers, bases)
    if place.learned is None:
        plain = shared_copy(base.model) if base.model.dtype != numbers else base.model
        cast_parameters(plain, numbers)
        return _opened(base, plain, place, fingerprint(base.model))
    tuned = _with_learned(base, place)
    mark = fingerprint(tuned)
    if not is_adapter(place.learned):
        cast_parameters(tuned, numbers)
        return _opened(base, tuned, place, mark)
    if not can_be_built_in(tuned):
        return _opened(base, tuned, place, mark)
    merged = built_in(tuned, numbers)
    return _opened(base, merged.model, place, mark, merged)


def open_beside(place: Place, device: str = "auto", bases: Bases | None = None) -> Opened:
    """An adapter beside its base, not built in: as it was while training, in the base's own numbers."""
    base = _base(place, device, DTYPES[own_dtype(place.base)], bases)
    tuned = _with_learned(base, place)
    return _opened(base, tuned, place, fingerprint(tuned))


def own_dtype(folder: Path) -> str:
    """The numbers that a model answers and is exported in unless others are chosen: see the top of this file."""
    info = check_model(folder)
    is_tiny = info.parameters < SMALLEST_FOR_BFLOAT16
    return info.dtype if info.dtype in DTYPES and not is_tiny else "float32"


def is_adapter(folder: Path) -> bool:
    """Whether a run's result is an adapter; else it is a model trained whole."""
    return (folder / ADAPTER_CONFIG).is_file()


def _base(place: Place, device: str, numbers: torch.dtype, bases: Bases | None) -> LoadedModel:
    """The base, loaded once; in float32 where the result shall be in other numbers than the base is stored in."""
    stored = check_model(place.base).dtype
    working = stored if DTYPES.get(stored) == numbers else "float32"
    key: tuple[object, ...] = (place.base, place.beneath, place.tokens, choose_device(device), working)
    if place.job is not None and _is_beside_experts(place):
        key = (*key, place.job.moe, place.job.train.seed)
    found = bases.get(key) if bases is not None else None
    if found is None:
        found = with_beneath(load_model(place.base, working, device), place.beneath, place.tokens)
        if place.job is not None and _is_beside_experts(place):
            found = grown(place.job, found)
        if bases is not None:
            bases[key] = found
    return found


def _is_beside_experts(place: Place) -> bool:
    """Whether the run's adapter stands beside experts that its base grew, which are made again."""
    is_beside = place.learned is not None and is_adapter(place.learned)
    return is_beside and place.job is not None and grows(place.job)


def _with_learned(
    base: LoadedModel, place: Place
) -> Any:  # Any: transformers' models share no typed interface
    if place.learned is None:
        raise ValueError("a base has learned nothing")
    copied = shared_copy(base.model) if is_adapter(place.learned) else copy.deepcopy(base.model)
    return load_adapter(copied, place.learned).eval().requires_grad_(False)


def _opened(base: LoadedModel, model: Any, place: Place, mark: str, merged: Merged | None = None) -> Opened:
    tokenizer = base.tokenizer
    if place.job is not None:
        tokenizer = tokenizer_with(place.base, place.tokens)  # its own: the run may have brought a template
        _install_template(tokenizer, place.job)
    numbers = str(next(model.parameters()).dtype).removeprefix("torch.")
    loaded = LoadedModel(model.eval(), tokenizer, place.base, numbers, base.device, base.info)
    ends = answer_ends(model, tokenizer)
    return Opened(loaded, place.title, weights_in_words(place), mark, ends, place, merged)


def _install_template(tokenizer: Any, job: Job) -> None:
    if job.method_card.rows != "text":  # running text is continued, not asked
        template = open_template(tokenizer, job.rows.template)
        tokenizer.chat_template = template.text


def weights_in_words(place: Place) -> str:
    """What a badge says: "Base weights, no adapter", "Adapter from step 400"."""
    if place.learned is None:
        return "Base weights, no adapter"
    what = "Adapter" if is_adapter(place.learned) else "All weights"
    return what if place.step is None else f"{what} from step {place.step}"
