"""A fast path proves itself before a run: rows go through it and through the model's own plain forward pass.

Log-probabilities and gradients must agree as far as the model's numbers allow. A path that gives others, or fails, is
left out, and a person is told. The plain pass is transformers' and PEFT's own code on each text in a row of its own:
no padding, no packing, the model's own head. Experts are chosen once for both (`same_experts`); routers have no noise
meanwhile, and nothing is balanced.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import torch
from torch import Tensor

from engine.job.channel import Desk
from engine.job.events import Remark
from engine.job.job import Job
from engine.models.adapters import trained_parameters
from engine.models.encoded import Encoded
from engine.models.generate import evaluating
from engine.train.batches import Batch, Example, collate, micro_batches
from engine.train.fast_paths import FastPath, wanted_paths
from engine.train.forward import Policy
from engine.train.memory import is_out_of_memory, release
from engine.train.same_experts import SameExperts

_WORK = 1.5e11  # multiplications and additions of the plain pass at most: less than a second on a processor
# Tokens that are looked at whatever they cost. On half a billion weights in bfloat16 rounding changed scores by 0.014 and
# gradients by 0.055 of their length at 32 tokens as at 96; a way that goes wrong does so from a text's first tokens on.
_LEAST = 64
_FEWEST = 32  # tokens below which it is not tried again when memory runs out
_MORE = 16  # tokens behind a pair's answers
_SCORED = 3  # one of so many tokens: with 152,000 words, scores of all took a fifth of the time
_STIRRED = 0.02  # spread of what stands in for zeros
_SAMPLED = 4096  # numbers of each gradient that are compared, beside its length

# What rounding alone may change: of a token's log-probability in nats, on average over the tokens; of a gradient as a
# share of its length. Measured: a few units of the last place; texts that see each other differ by 0.4 nats and more.
_SCORE = {torch.float32: 1e-4, torch.float16: 0.02, torch.bfloat16: 0.05}
_GRADIENT = {torch.float32: 1e-3, torch.float16: 0.1, torch.bfloat16: 0.2}
_SMALL = 0.02  # a gradient shorter than this share of the longest counts as that long


@dataclass(frozen=True)
class _Numbers:
    """What a pass gave: log-probabilities (N,), and a sample of each trained tensor's gradient with its length."""

    scores: Tensor
    gradients: tuple[Tensor, ...]


def proven(job: Job, policy: Policy, examples: Sequence[Example], desk: Desk) -> Policy:
    """The policy with every fast path that the job asks for, the model can take and `examples` prove."""
    policy = replace(policy, way="given" if job.rows.packing == "off" else "grouped")
    weights = sum(weight.numel() for weight in policy.model.parameters())
    texts = _shortened(examples, max(_LEAST, int(_WORK / (6 * weights))))
    tokens = sum(text.tokens for text in texts)
    paths = wanted_paths(job, policy, sum(len(text.parts) for text in texts), desk)
    while paths and texts:
        try:
            with _stirred(policy.model):
                return _compared(policy, paths, texts, desk)
        except (RuntimeError, MemoryError) as error:
            for path in reversed(paths):
                path.leave(policy.model)
            if not is_out_of_memory(error) or tokens <= _FEWEST:
                raise
        release()
        tokens //= 4
        texts = _shortened(examples, tokens)
    return policy


def _compared(policy: Policy, paths: Sequence[FastPath], texts: Sequence[Example], desk: Desk) -> Policy:
    """The policy with all paths where they agree together, else with those that agree one on top of the other."""
    experts = SameExperts(policy.model)
    plain = _looked_at(policy, _each_alone(texts), experts)

    def agrees(fast: Policy) -> bool:
        return _agrees(fast, texts, plain, experts)

    fast, taken = _taken(policy, paths)
    if not taken or agrees(fast):
        return _named(fast, taken)
    for path in reversed(paths):
        path.leave(policy.model)
    return _one_by_one(policy, paths, agrees, desk)


def _one_by_one(
    policy: Policy, paths: Sequence[FastPath], agrees: Callable[[Policy], bool], desk: Desk
) -> Policy:
    """The paths that agree, each on top of those before it; the others are told."""
    kept = []
    for path in paths:
        fast = path.take(policy)
        if fast is None:
            continue  # the model cannot, or it builds on one that was left out
        if agrees(fast):
            policy = fast
            kept.append(path)
            continue
        path.leave(policy.model)
        title = f"{path.given_up}: the faster way gave this model other numbers than its own."
        desk.tell(Remark("info", title, "The result is right, it only takes longer. Nothing to do."))
    return _named(policy, kept)


def _named(policy: Policy, paths: Sequence[FastPath]) -> Policy:
    return replace(policy, paths=tuple(path.name for path in paths))


def _taken(policy: Policy, paths: Sequence[FastPath]) -> tuple[Policy, list[FastPath]]:
    """The policy with all paths that the model can take, and which these are."""
    taken = []
    for path in paths:
        if (fast := path.take(policy)) is not None:
            policy = fast
            taken.append(path)
    return policy, taken


def _agrees(fast: Policy, texts: Sequence[Example], plain: _Numbers, experts: SameExperts) -> bool:
    try:
        found = _looked_at(fast, micro_batches(texts, len(texts), fast.way), experts)
    except Exception as error:  # whatever a path fails with, the plain way is there
        if is_out_of_memory(error):
            raise
        return False
    dtype = fast.autocast or fast.model.get_input_embeddings().weight.dtype
    if (
        not (found.scores - plain.scores).abs().mean().item() <= _SCORE[dtype]
    ):  # what is no number is wrong, too
        return False
    lengths = [float(gradient[-1]) for gradient in plain.gradients]
    least = _SMALL * max(lengths, default=0.0)
    return all(
        float((one - other).norm()) <= _GRADIENT[dtype] * max(length, least)
        for one, other, length in zip(found.gradients, plain.gradients, lengths, strict=True)
    )


def _looked_at(policy: Policy, batches: Iterable[Batch], experts: SameExperts) -> _Numbers:
    """Log-probabilities and gradients of these batches together; the model is left as it was, without gradients."""
    trained = trained_parameters(policy.model)
    scores: list[Tensor] = []
    try:
        with evaluating(policy.model):
            for batch in batches:
                with experts.over(batch):
                    found = policy.score(batch.to(policy.device)).target.float()
                if trained:
                    places = torch.arange(len(found), device=found.device) + sum(map(len, scores))
                    (found * (0.5 + places % 7 / 7)).sum().backward()
                scores.append(found.detach())
        return _Numbers(torch.cat(scores), tuple(_sample(weight) for weight in trained.values()))
    finally:
        for weight in trained.values():
            weight.grad = None


def _sample(weight: torch.nn.Parameter) -> Tensor:
    """Some numbers of a gradient, and its length behind them; zeros where there is none."""
    if weight.grad is None:
        return weight.new_zeros(2, dtype=torch.float32)
    numbers = weight.grad.flatten()
    return torch.cat(
        [numbers[:: max(1, len(numbers) // _SAMPLED)].float(), numbers.float().norm().reshape(1)]
    )


def _shortened(examples: Sequence[Example], tokens: int) -> list[Example]:
    """The first of these rows, longest first, so many that they have about as many tokens; at least two are cut to it."""
    found: list[Example] = []
    for at in range(len(examples)):
        left = tokens - sum(row.tokens for row in found)
        if left < 2:
            break
        sides = len(examples[at].parts)
        found.append(_around_answer(examples[at], max(2, left // sides // (1 if found else 2))))
    return sorted((row for row in found if row.length > 1), key=lambda row: -row.length)


def _around_answer(example: Example, tokens: int) -> Example:
    """The end of the prompt and the beginning of the answer, half of each at most; of its tokens some are learned.

    Both sides of a pair are cut alike, so that they begin alike, and go on with the row's own beginning behind short
    answers: else a pair of one-word answers would prove little.
    """
    answers = [part.trained.index(True) if True in part.trained else 0 for part in example.parts]
    longest = max(len(part.ids) for part in example.parts)
    start = 0 if longest <= tokens else max(0, min(answers) - tokens // 2)
    parts = []
    for part in example.parts:
        ids = [*part.ids[start:], *(part.ids[:_MORE] if len(example.parts) > 1 else ())][:tokens]
        parts.append(Encoded(part.number, ids, [], 0))
    cut = Example(example.index, example.number, tuple(parts))
    learned = [replace(part, trained=_some(len(part.ids), cut.common)) for part in parts]
    return Example(example.index, example.number, tuple(learned))


def _some(length: int, parting: int) -> list[bool]:
    """Which tokens are learned: one of `_SCORED` behind a first quarter, the last, and where a pair's sides part."""
    ends = (parting, length - 1)
    return [at > 0 and (at in ends or (at > length // 4 and at % _SCORED == 0)) for at in range(length)]


def _each_alone(texts: Sequence[Example]) -> list[Batch]:
    """Every text in a row of its own, in the order in which a batch of all has them.

    Those of one length are rows of one batch, in which nothing is padded: so the weights are read once for them.
    """
    parts = [text.parts[side] for side in range(len(texts[0].parts)) for text in texts]
    rows = [Example(at, part.number, (part,)) for at, part in enumerate(parts)]
    return [collate(list(alike)) for _, alike in groupby(rows, key=lambda row: row.length)]


@contextlib.contextmanager
def _stirred(model: torch.nn.Module) -> Iterator[None]:
    """Something small in place of trained tensors that are zero: behind them other gradients would vanish."""
    generator = torch.Generator().manual_seed(0)
    zeros = [weight for weight in trained_parameters(model).values() if not weight.any()]
    try:
        for weight in zeros:
            drawn = torch.randn(weight.shape, generator=generator) * _STIRRED
            weight.data.copy_(drawn)
        yield
    finally:
        for weight in zeros:
            weight.data.zero_()
