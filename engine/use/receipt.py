"""The receipt of an export, line by line: what the reopened export showed, held against the tuned model."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from engine.job.events import Check
from engine.use.stranger import Reopened
from engine.use.trial import Trial

_CLOSE = 0.05  # of the highest logit
_NATS = 0.05  # mean KL divergence of an answer's first token, where rounding may send tokens to other experts
_WORDS = {"bfloat16": "16-bit (bfloat16)", "float16": "16-bit (float16)", "float32": "32-bit"}


@dataclass(frozen=True)
class Expected:
    """What the receipt holds the export against.

    `same`: the tuned model in the export's own numbers. `compare`: as Compare shows it; the same object where
    the numbers are the same. `is_exact` is off for coarser files, whose answers may differ a little. `opens` and
    `inside`: titles of the first and the last line; `loaded`: who opened it, where that is no stranger. `more`: lines of
    this format alone, found before it was written. `has_experts`: coarser numbers may send a token to other experts, so
    that single scores say little.
    """

    same: Trial
    compare: Trial
    dtype: str
    ends: tuple[int, ...]
    tokenizer: Any  # Any: transformers' tokenizers share no typed base
    learned: str
    is_learned: bool
    is_exact: bool = True
    opens: str = "The folder opens by itself"
    inside: str = "What was learned is built in"
    loaded: str = ""
    more: tuple[Check, ...] = ()
    has_experts: bool = False


def checks(expected: Expected, found: Reopened) -> Iterator[Check]:
    """The lines of the receipt, in the order that they are shown."""
    if found.problem:
        yield Check(title=expected.opens, detail=found.problem, passed=False)
        return
    size = f"{found.parameters / 1e6:.1f}" if found.parameters < 1e7 else f"{found.parameters / 1e6:,.0f}"
    how = expected.loaded or "Loaded again from disk without this app's files"
    detail = f"{how}: {size} million parameters."
    yield Check(title=expected.opens, detail=detail, passed=True)
    yield same_answers(expected, found.trial)
    yield from expected.more
    yield _template(expected, found)
    yield _stopping(expected, found)
    yield Check(title=expected.inside, detail=expected.learned, passed=expected.is_learned)


def same_answers(expected: Expected, found: Trial) -> Check:
    """Whether the answers are the same, word for word; where numbers were made coarser, whether they are close."""
    agreed, total = agreement(expected.same, found), len(found.texts)
    difference = largest_difference(expected.same, found)
    detail = f"{agreed} of {total} prompts, word for word. Largest difference {difference:.2g}."
    in_compare = agreement(expected.compare, found)
    if not expected.is_exact and in_compare < total:
        title = "Its answers stay close to those in Compare"
        if expected.has_experts:
            nats = mean_divergence(expected.same, found)
            detail = f"{agreed} of {total} prompts, word for word. Mean divergence {nats:.1e} nats."
            return Check(title=title, detail=detail, passed=nats <= _NATS)
        highest = max((float(logits.abs().max()) for logits in expected.same.logits), default=0.0)
        is_close = difference <= _CLOSE * highest
        return Check(title=title, detail=detail, passed=is_close)
    if expected.same is expected.compare or in_compare == total:
        is_same = in_compare == total > 0
        return Check(title="It gives the same answers as in Compare", detail=detail, passed=is_same)
    title = f"It gives the same answers as the tuned model in {_WORDS.get(expected.dtype, expected.dtype)}"
    detail += f" Compare computes in other numbers: there {in_compare} of {total} are the same."
    return Check(title=title, detail=detail, passed=agreed == total)


def agreement(one: Trial, other: Trial) -> int:
    """How many answers are the same, word for word."""
    return sum(a == b for a, b in zip(one.texts, other.texts, strict=False))


def largest_difference(one: Trial, other: Trial) -> float:
    """The largest difference of any logit of an answer's first token."""
    pairs = zip(one.logits, other.logits, strict=False)
    # A file may hold rows beyond the tokenizer; both have those that count.
    return max((float((a - b).abs().max()) for a, b in pairs), default=0.0)


def mean_divergence(one: Trial, other: Trial) -> float:
    """KL(one, other) of an answer's first token, in nats, averaged over the prompts."""
    found = []
    for a, b in zip(one.logits, other.logits, strict=False):
        logs = a.log_softmax(-1)
        found.append(float((logs.exp() * (logs - b.log_softmax(-1))).sum()))
    return sum(found) / max(1, len(found))


def _template(expected: Expected, found: Reopened) -> Check:
    if not expected.tokenizer.chat_template:
        return Check(
            title="It continues a text", detail="There is no chat template, as in training.", passed=True
        )
    is_same = found.has_template and found.trial.prompt_ids == expected.same.prompt_ids
    detail = (
        "Conversations are written in the same way as during training."
        if is_same
        else "Conversations are written in another way than during training."
    )
    return Check(title="The chat template is inside", detail=detail, passed=is_same)


def _stopping(expected: Expected, found: Reopened) -> Check:
    names = ", ".join(_names(expected.tokenizer, expected.ends[:1]))
    is_set = bool(expected.ends) and expected.ends[0] in found.eos
    ended, total = sum(found.trial.ended), len(found.trial.ended)
    detail = f"The end token {names} is set; {ended} of {total} answers ended with it."
    if not is_set:
        detail = f"The end token {names or 'of an answer'} is not set."
    elif ended < sum(expected.same.ended):
        detail += f" Before the export it was {sum(expected.same.ended)}."
    passed = is_set and (ended >= sum(expected.same.ended) or not expected.is_exact)
    return Check(title="It knows when to stop", detail=detail, passed=passed)


def _names(tokenizer: Any, ids: Sequence[int]) -> list[str]:
    return [str(tokenizer.convert_ids_to_tokens(number)) for number in ids]
