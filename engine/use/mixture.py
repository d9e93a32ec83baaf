"""The export of a mixture of LoRA experts: a stock model of experts, held against the mixture as it was trained."""

import dataclasses
from typing import Any

import torch

from engine.job.events import Check
from engine.library.export_plan import export_caveat
from engine.library.lora_mixture import NOT_DENSE
from engine.models.fingerprint import fingerprint
from engine.models.generate import evaluating
from engine.models.placement import DTYPES
from engine.models.stock_mixture import as_stock
from engine.use.card import MERGED_CODE, remarked
from engine.use.making import Work, Written
from engine.use.open import Opened, open_place, own_dtype
from engine.use.receipt import Expected
from engine.use.stranger import Export
from engine.use.trial import Trial
from engine.use.writing import write_model

_SAME = 1e-4  # of any logit, in 32 bits
_NATS = 0.05  # mean KL divergence per place, in 16 bits: a router's near ties may fall otherwise there
_AGREED = 0.9  # of the places, in 16 bits


@dataclasses.dataclass(frozen=True)
class Nearness:
    """Two models' predictions at the same places: largest difference of a logit, mean KL, share of the same first."""

    places: int
    difference: float
    divergence: float
    agreed: float


@dataclasses.dataclass(frozen=True)
class Whole:
    """A mixture as a stock model, what the trained one answers in Compare, and the receipt's line about both."""

    stock: Opened
    compare: Trial
    near: Check
    words: str


def export_mixture(work: Work) -> Written:
    """One complete model of experts that stock transformers opens, with tokenizer, template, end tokens and card."""
    kind = own_dtype(work.place.base) if work.kind == "auto" else work.kind
    made = whole(work, kind)
    stock = made.stock
    same = work.ask(stock)
    work.phase("writing", "Writing the model")
    write_model(stock, work.part, work.task.shard_gigabytes, work.progress("Writing the model", "bytes"))
    code = remarked(MERGED_CODE, NOT_DENSE, export_caveat(work.place.job, work.base))
    work.write_card("merged", kind, code)
    is_learned = stock.merged is not None and stock.merged.layers_changed > 0
    expected = Expected(
        same,
        made.compare,
        kind,
        stock.end_ids,
        stock.tokenizer,
        made.words,
        is_learned,
        more=(made.near,),
    )
    return Written(Export(work.part, device=stock.loaded.device), expected, fingerprint(stock.model))


def whole(work: Work, kind: str) -> Whole:
    """The run's mixture of LoRA experts as a stock model in numbers of `kind`, held against the trained one."""
    work.phase("model", "Loading the model")
    trained = open_place(work.place, bases=work.bases)
    work.phase("answers", "Asking the tuned model")
    compare = work.ask(trained)
    work.phase("merging", "Making the experts whole")
    merged = as_stock(open_place(work.place, dtype=kind, bases=work.bases).model, DTYPES[kind])
    loaded = dataclasses.replace(trained.loaded, model=merged.model, dtype=kind)
    stock = dataclasses.replace(trained, loaded=loaded, merged=merged)
    near = nearness(trained.model, stock.model, compare, trained.loaded.device)
    coarser = kind if trained.loaded.dtype == "float32" else trained.loaded.dtype
    words = f"{merged.layers} layers of experts {trained.fingerprint} made whole. {NOT_DENSE}"
    return Whole(stock, compare, near_enough(near, coarser), words)


def nearness(one: Any, other: Any, trial: Trial, device: str) -> Nearness:  # Any: transformers models
    """How near two models' predictions are at every place of the trial's prompts."""
    places, difference, divergence, agreed = 0, 0.0, 0.0, 0
    for ids in trial.prompt_ids:
        a, b = _logits(one, ids, device), _logits(other, ids, device)
        logs = torch.log_softmax(a, dim=-1)
        places += len(ids)
        difference = max(difference, float((a - b).abs().max()))
        divergence += float((logs.exp() * (logs - torch.log_softmax(b, dim=-1))).sum())
        agreed += int((a.argmax(-1) == b.argmax(-1)).sum())
    return Nearness(places, difference, divergence / max(1, places), agreed / max(1, places))


def near_enough(near: Nearness, dtype: str) -> Check:
    """The receipt's line: in 32 bits by the largest difference, in 16 by divergence and agreement."""
    title = "It predicts as the mixture that was trained"
    if dtype == "float32":
        detail = f"At {near.places} places no score differs by more than {near.difference:.1e}."
        return Check(title, detail, near.places > 0 and near.difference <= _SAME)
    detail = (
        f"At {near.agreed:.0%} of {near.places} places the same word; divergence {near.divergence:.1e} nats."
    )
    passed = near.places > 0 and near.divergence <= _NATS and near.agreed >= _AGREED
    return Check(title, detail, passed)


def _logits(model: Any, ids: list[int], device: str) -> torch.Tensor:
    """(T, V) in float32."""
    with evaluating(model), torch.no_grad():
        logits: torch.Tensor = model(input_ids=torch.tensor([ids], device=device), use_cache=False).logits
    return logits[0].float()
