"""Choices in `[moe]` that do not go together, or not with the adapter: refused in words before anything is loaded."""

from engine.job.errors import JobError
from engine.job.growth_clashes import refuse_growth_company, refuse_growth_settings
from engine.job.job import Job
from engine.job.lora_settings import LoraSettings
from engine.job.moe_settings import COUNTS, AssembleSettings, KeepSettings
from engine.job.settings import setting_fields

_ALONE = "With one expert a token its weight is always 1, so the router would never learn from the loss."


def refuse_moe_clashes(job: Job) -> None:
    """Raise JobError, naming the field, for a choice of experts that cannot be trained."""
    refuse_expert_settings(job)
    refuse_company(job)


def refuse_expert_settings(job: Job) -> None:
    """Raise JobError for settings of the chosen way that exclude each other, or that are not complete yet."""
    settings = job.moe.settings
    if isinstance(settings, KeepSettings):
        return
    _refuse_numbers(job)
    refuse_growth_settings(job)


def refuse_company(job: Job) -> None:
    """Raise JobError where the chosen way, whatever its settings, does not go with the rest of the job."""
    if job.moe.kind == "lora-experts":
        _refuse_adapter(job)
    refuse_growth_company(job)


def _refuse_numbers(job: Job) -> None:
    settings = job.moe.settings
    if isinstance(settings, AssembleSettings):
        count, name = len(settings.sources), "sources"
        brief = f"2, 4 or 8 models become the experts; now there are {count}."
    else:
        count, name = settings.experts, "experts"
        brief = "A layer can have 2, 4 or 8 experts."
    if count not in COUNTS:
        given = f"has {count} models" if name == "sources" else f"is {count}"
        title = f"'moe.{name}' {given}; a layer can have 2, 4 or 8 experts."
        raise JobError(title, "Give 2, 4 or 8.", brief=brief)
    if settings.top_k < 2:
        title = f"'moe.top_k' is {settings.top_k}. {_ALONE}"
        raise JobError(title, "Give 2 or more.", brief=_ALONE)
    if settings.top_k > count:
        title = f"'moe.top_k' is {settings.top_k}, but there are only {count} experts ('moe.{name}')."
        brief = f"A token cannot go through {settings.top_k} experts where there are only {count}."
        raise JobError(title, f"Give at most {count}.", brief=brief)


def _refuse_adapter(job: Job) -> None:
    """What the small experts do not have: their sizes and scale are those of a plain LoRA."""
    adapter = job.adapter.settings
    if job.adapter.kind != "lora":
        title = f"A mixture of LoRA experts needs LoRA, but 'adapter.kind' is '{job.adapter.kind}'."
        advice = "Set 'adapter.kind' to 'lora', or 'moe.kind' to 'none'."
        raise JobError(title, advice, brief="Needs LoRA as the part that changes.")
    labels = {field.name: field.setting.label for field in setting_fields(LoraSettings)}
    for name, is_wrong in (
        ("dora", adapter.dora),
        ("pissa", adapter.pissa),
        ("dropout", adapter.dropout > 0),
        ("names", bool(adapter.names)),
        ("targets", adapter.targets != "all-linear"),
    ):
        if is_wrong:
            value = getattr(adapter, name)
            title = f"'adapter.{name}' is {value!r}, which does not go with a mixture of LoRA experts."
            brief = f"Needs the adapter's setting “{labels[name]}” as it is by default."
            raise JobError(title, f"Leave 'adapter.{name}' as it is by default.", brief=brief)
