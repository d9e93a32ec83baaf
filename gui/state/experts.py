"""Splitting into experts as the Method page offers it: what can be chosen, what it becomes, and how it is said."""

import dataclasses
from collections.abc import Callable

from engine.job.adapters import ADAPTERS
from engine.job.errors import EngineError, JobError
from engine.job.exports import EXPORTS, export_problem
from engine.job.job import Choice, Job, with_kind, with_value
from engine.job.moe import MOE
from engine.job.moe_clashes import refuse_company, refuse_moe_clashes
from engine.job.moe_settings import AssembleSettings, KeepSettings
from engine.library.devices import Machine
from engine.library.estimate import RowStats, estimate
from engine.library.export_plan import ExportPlan, plan_export, run_export_problem
from engine.library.lineage import as_trained
from engine.library.lora_mixture import lora_mixture_count, refuse_lora_mixture
from engine.library.memory_need import DTYPE_BYTES
from engine.library.mixtures import refuse_mixture, refuse_to_grow
from engine.library.models import ModelInfo, describe, locate_model
from gui.state.words import memory_words

FEWEST = 2
"""Models that an assembled one has at least; so many lines are there to fill in."""


def base_of(job: Job) -> ModelInfo | None:
    """The model that a job begins with, where it can be trained."""
    try:
        info = describe(locate_model(job.model.source, job.model.revision))
    except EngineError:
        return None
    return info if info.kind == "model" and not info.problem else None


def has_experts(job: Job) -> bool:
    """Whether the model that is trained is one of experts, from its start on or as the job splits it."""
    base = base_of(job)
    return job.moe.kind != "none" or (base is not None and base.experts > 0)


def refuse_base(job: Job, base: ModelInfo) -> None:
    """Raise EngineError where the model cannot be split as the job asks, or not trained so once it is."""
    refuse_lora_mixture(job, base)
    refuse_mixture(job, base)


def split_problems(
    job: Job, base: ModelInfo | None, machine: Machine, rows: RowStats | None
) -> dict[str, str]:
    """By kind, why a way to split cannot be chosen now, in a few words; ways that can are left out.

    To keep the model as it is can always be chosen. What no other choice can change, the model itself, comes first.
    """
    if base is None:
        return {}
    tried = {kind: complete(with_kind(job, "moe", kind)) for kind in MOE if kind != "none"}
    found = {kind: _split_problem(trial, base, machine, rows) for kind, trial in tried.items()}
    return {kind: words for kind, words in found.items() if words}


def adapter_problem_words(job: Job, kind: str, base: ModelInfo | None) -> str:
    """Why an adapter does not go with the chosen experts or with those the model has; "" if it does."""
    if kind == job.adapter.kind:
        return ""  # the trouble of what is chosen stands with the experts, and in the strip
    trial = with_kind(job, "adapter", kind)
    if _brief(refuse_company, trial):
        return f"Does not go with “{MOE[job.moe.kind].title}” below."
    return "" if base is None else _brief(refuse_mixture, trial, base)


def field_problem(job: Job, key: str, value: object, base: ModelInfo | None) -> str:
    """Why the experts do not allow a field this value, "" if they do. Trouble of other fields is not told here."""
    if key in ("moe.sources", "moe.prompts"):  # filled in one after the other
        return ""
    changed = with_value(job, key, value)
    try:
        refuse_moe_clashes(complete(changed))
        if base is not None:
            refuse_base(changed, base)
    except JobError as error:
        return error.brief if f"'{key}'" in error.title else ""
    except EngineError:
        return ""
    return ""


def with_expert_value(job: Job, name: str, value: object) -> Job:
    """The job with one setting of its experts changed; fewer experts are fewer for each token, too."""
    changed = with_value(job, f"moe.{name}", value)
    settings = changed.moe.settings
    if name == "experts" and settings.top_k > settings.experts:
        return with_value(changed, "moe.top_k", settings.experts)
    return changed


def with_split(job: Job, kind: str) -> Job:
    """The job with another way chosen; as many experts for each token as it can have."""
    changed = with_kind(job, "moe", kind)
    settings = changed.moe.settings
    most = getattr(settings, "experts", FEWEST)
    if not isinstance(settings, KeepSettings) and settings.top_k > most:
        return with_value(changed, "moe.top_k", most)
    return changed


def complete(job: Job) -> Job:
    """The job as it will be when the models that it lacks are named: what it costs can be told before."""
    settings = job.moe.settings
    if not isinstance(settings, AssembleSettings):
        return job
    missing = ("",) * (FEWEST - len(settings.sources))
    sources = (*settings.sources, *missing)
    prompts = (*settings.prompts, *("",) * (len(sources) - len(settings.prompts)))
    filled = dataclasses.replace(settings, sources=sources, prompts=prompts)
    return dataclasses.replace(job, moe=Choice(job.moe.kind, filled))


def export_formats(job: Job, base: ModelInfo | None) -> list[str]:
    """The formats in which what is learned can leave; those of the adapter alone while the model is not known."""
    adapter = ADAPTERS[job.adapter.kind]
    try:
        if base is not None:
            return [kind for kind in EXPORTS if not run_export_problem(complete(job), base, kind)[0]]
    except EngineError:  # it cannot be split so, which its card says
        pass
    return [kind for kind in EXPORTS if not export_problem(adapter, kind)[0]]


def own_experts_words(base: ModelInfo | None) -> str:
    """That a model has experts of its own, such as "8 of its own, 2 per token"; "" for a dense one."""
    return f"{base.experts} of its own, {base.top_k} per token" if base is not None and base.experts else ""


def expert_bytes(job: Job, base: ModelInfo) -> int:
    """How much one small expert takes in all layers, with its row of the router, as it is saved."""
    fewer, more = (
        lora_mixture_count(with_value(_mixture(job), "moe.experts", count), base) for count in (2, 4)
    )
    return (more - fewer) // 2 * DTYPE_BYTES["float32"]


def exported(job: Job, base: ModelInfo) -> ExportPlan | None:
    """What the exported model will be; None for one that is not split, or cannot be."""
    if job.moe.kind == "none":
        return None
    try:
        refuse_base(job, base)
        return plan_export(complete(job), base, "merged", "auto")
    except EngineError:
        return None


def _mixture(job: Job) -> Job:
    return with_kind(with_kind(job, "adapter", "lora"), "moe", "lora-experts")


def _split_problem(trial: Job, base: ModelInfo, machine: Machine, rows: RowStats | None) -> str:
    return (
        _brief(refuse_lora_mixture, trial, base)
        or _brief(refuse_to_grow, trial, base)
        or _brief(refuse_company, trial)
        or _brief(refuse_mixture, trial, base)
        or _memory_words(trial, base, machine, rows)
    )


def _memory_words(trial: Job, base: ModelInfo, machine: Machine, rows: RowStats | None) -> str:
    try:
        found = estimate(as_trained(trial), base, rows, machine)
    except EngineError:
        return ""  # of the rest of the job, which the strip tells
    return "" if found.fits else memory_words(found.total, found.free)


def _brief(refuse: Callable[..., None], *asked: object) -> str:
    """The few words of what `refuse` raises, "" for nothing."""
    try:
        refuse(*asked)
    except EngineError as error:
        return error.brief
    return ""
