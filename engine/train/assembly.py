"""The parts of a run put together from a job, a loaded model and its rows."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch

from engine.job.adapters import ADAPTERS
from engine.job.cards import resolve
from engine.job.channel import Desk
from engine.job.errors import ModelError
from engine.job.job import Job
from engine.job.method_fields import START
from engine.job.moe import MOE
from engine.job.words import learns_all_words, words_rate
from engine.library.devices import Machine
from engine.library.lineage import Lineage
from engine.library.memory_plan import Plan
from engine.library.mixtures import learning_part, router_learns
from engine.models.adapters import has_adapter, load_adapter, name_base, trained_parameters
from engine.models.embeddings import learn_words, word_names
from engine.models.fingerprint import weights_digest
from engine.models.load import LoadedModel
from engine.models.lora import rate_factor
from engine.models.mixtures import learn_parts, let_router_learn
from engine.models.placement import DTYPES
from engine.models.prompts import is_written
from engine.models.vocabulary import token_ids
from engine.train.anchoring import open_reference, watches_start
from engine.train.balancing import balanced
from engine.train.batches import Example, Order
from engine.train.between import Between, Rhythm
from engine.train.examples import picked
from engine.train.fitting import fit_into_memory, optimizer_for
from engine.train.forward import Policy
from engine.train.looking import Checker, Sampler
from engine.train.loop import Training
from engine.train.memory import MemoryGauge, first_fit
from engine.train.objective import objective_of
from engine.train.proving import proven
from engine.train.reference import Reference
from engine.train.rows import PreparedRows
from engine.train.saving import Facts, Keeper
from engine.train.signs import Signs
from engine.train.state import State

_LOOKS = 8  # checks and samples of a run, where nothing else was asked for


@dataclass(frozen=True)
class Assembly:
    """A run ready to train."""

    training: Training
    between: Between
    keeper: Keeper
    reference: Reference | None
    facts: Facts
    plan: Plan


def assemble(
    job: Job, loaded: LoadedModel, lineage: Lineage, rows: PreparedRows, machine: Machine, desk: Desk
) -> Assembly:
    """Build everything that trains `loaded`, whose model is changed: it gets the job's adapter.

    `lineage` is what `loaded` was made of; `machine` is how it stood before the model was loaded, as the estimate wants it.
    """
    torch.manual_seed(job.train.seed)
    is_compared = job.method_card.needs_reference or watches_start(job)
    digest = weights_digest(loaded.model) if is_compared else ""
    model = trainable_model(job, loaded, lineage)
    if lineage.start is not None and digest:
        digest = weights_digest(model)
    noise = getattr(job.method.settings, "neftune", 0.0)
    order = order_of(job, len(rows.train))
    first = picked(rows.train, order.of_update(1))
    prove = partial(proven, job, examples=first, desk=desk)
    policy = prove(Policy(model, loaded.device, _autocast(model, loaded), noise))
    fit = first_fit(job, loaded.info, rows.train, machine)
    rows_at_a_time = fit_into_memory(job, model, fit, loaded, desk)
    reference = open_reference(job, policy, loaded, 2 * rows.count, digest, lineage.start is None, prove)
    state = State(order.updates, job.train.learning_rate)
    objective = balanced(job, objective_of(job, policy, reference, state.memory), model, state, desk)
    optimizer = optimizer_for(job, fit.plan, trained_parameters(model), rates_of(job, model), desk)
    training = Training(job.train, policy, objective, optimizer, rows.train, order, rows_at_a_time, state)
    facts = facts_of(rows, loaded)
    facts |= {"step_in_backward": fit.plan.in_backward, "fast_paths": list(policy.paths)}
    keeper = Keeper(
        model=model,
        optimizer=optimizer,
        reference=reference,
        state=state,
        rows_at_a_time=rows_at_a_time,
        facts=facts,
        settings=job.saving,
        desk=desk,
    )
    between = Between(
        state=state,
        rhythm=rhythm_of(job, order, len(rows.validation)),
        checker=Checker(policy, objective, rows.validation, rows_at_a_time),
        sampler=_sampler(job, model, loaded, rows, lineage.start is None, desk),
        keeper=keeper,
        gauge=MemoryGauge(loaded.device),
        signs=Signs(job.method_card, desk, starts_equal(job)),
        desk=desk,
    )
    return Assembly(training, between, keeper, reference, facts, fit.plan)


def trainable_model(
    job: Job, loaded: LoadedModel, lineage: Lineage
) -> Any:  # Any: PeftModel or a transformers model
    """The model with the job's adapter, a new one or the earlier run's, or with its own weights free."""
    model = _adapted(job, loaded)
    learn_words(model, learns_all_words(job), token_ids(loaded.tokenizer, lineage.learning))
    name_base(model, job.model.source if lineage.beneath else lineage.source)
    if lineage.start is not None:
        if is_written(model):
            title = "What wrote the earlier run's learned positions was not kept, so they cannot learn on."
            raise ModelError(title, "Begin from the plain model, or choose prompt tuning.")
        load_adapter(model, lineage.start)
    return model


def _adapted(job: Job, loaded: LoadedModel) -> Any:  # Any: see trainable_model
    """The model with the job's adapter, which may be a mixture of experts that brings its own."""
    experts = MOE[job.moe.kind]
    if experts.is_adapter:
        return resolve(experts.code)(loaded.model, job)
    if router_learns(job, loaded.info):
        let_router_learn(loaded.model)
    model = resolve(ADAPTERS[job.adapter.kind].code)(loaded.model, job.adapter.settings)
    learn_parts(model, learning_part(job, loaded.info))
    return model


def rates_of(job: Job, model: Any) -> Callable[[str], float]:  # Any: PeftModel or a transformers model
    """By a parameter's name, how many times the run's learning rate it has."""
    words = word_names(model) if learns_all_words(job) else set()

    def rate(name: str) -> float:
        if name in words:
            return words_rate(job)
        return rate_factor(name, job.adapter.settings, job.train.learning_rate)

    return rate


def order_of(job: Job, rows: int) -> Order:
    """The order of rows over the whole run: so many updates, or so many epochs."""
    settings = job.train
    wanted = round(rows * settings.epochs) if settings.steps is None else settings.steps * settings.batch_size
    return Order(rows, settings.batch_size, max(1, wanted), settings.seed)


def rhythm_of(job: Job, order: Order, rows_kept_back: int) -> Rhythm:
    """How often to look. By itself about eight times a run, less where the rows kept back are many.

    A check of a row costs a third of training on it: checks take at most a fifth of the run beyond the first two.
    """
    affordable = 0.6 * order.draws / max(1, rows_kept_back)
    checks = max(2, min(_LOOKS, int(affordable)))
    return Rhythm(
        evaluate_every=job.watch.evaluate_every or math.ceil(order.updates / checks),
        sample_every=job.watch.sample_every or math.ceil(order.updates / _LOOKS),
    )


def facts_of(rows: PreparedRows, loaded: LoadedModel) -> Facts:
    """What must be the same for a resumed run to go on as if nothing had happened."""
    return {
        "data": sorted(rows.hashes.values()),
        "torch": torch.__version__,
        "device": loaded.device,
        "dtype": loaded.dtype,
        "threads": torch.get_num_threads(),
    }


def starts_equal(job: Job) -> bool:
    """Whether model and reference give the same numbers before the first update."""
    settings, adapter = job.method.settings, ADAPTERS[job.adapter.kind]
    return job.method_card.needs_reference and settings.reference == START and adapter.starts_at_base


def _autocast(model: Any, loaded: LoadedModel) -> torch.dtype | None:  # Any: see trainable_model
    """A model whose own weights are trained is held in float32, but computes in the dtype that was chosen."""
    dtype = DTYPES[loaded.dtype]
    is_held_so = any(weight.dtype == dtype for weight in model.parameters())
    return None if is_held_so else dtype


def _sampler(
    job: Job, model: Any, loaded: LoadedModel, rows: PreparedRows, is_adapter_fresh: bool, desk: Desk
) -> Sampler:  # Any: see trainable_model
    tokenizer = loaded.tokenizer
    if job.method_card.rows == "text":  # running text is continued, not asked
        tokenizer = copy.copy(tokenizer)
        tokenizer.chat_template = None
    prompts = job.watch.prompts or rows.prompts
    return Sampler(
        model=model,
        tokenizer=tokenizer,
        prompts=prompts,
        tokens=job.watch.sample_tokens,
        can_go_back=is_adapter_fresh and has_adapter(model) and ADAPTERS[job.adapter.kind].starts_at_base,
        desk=desk,
    )


def examples_in_use(order: Order, examples: Sequence[Example]) -> list[Sequence[Example]]:
    """The examples of each update that brings some for the first time, whole, as the update will have them."""
    is_seen, missing = bytearray(order.rows), order.rows
    found = []
    for number in range(1, order.updates + 1):
        rows = order.of_update(number)
        fresh = {row for row in rows if not is_seen[row]}
        for row in fresh:
            is_seen[row] = True
        if fresh:
            found.append(picked(examples, rows))
        missing -= len(fresh)
        if not missing:
            break
    return found
