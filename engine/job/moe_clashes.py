"""Choices in `[moe]` that do not go together, or not with the adapter: refused in words before anything is loaded."""

from engine.job.errors import JobError
from engine.job.growth_clashes import refuse_growth_clashes
from engine.job.job import Job
from engine.job.moe_settings import COUNTS, AssembleSettings, KeepSettings

_ALONE = "With one expert a token its weight is always 1, so the router would never learn from the loss."


def refuse_moe_clashes(job: Job) -> None:
    """Raise JobError, naming the field, for a choice of experts that cannot be trained."""
    settings = job.moe.settings
    if isinstance(settings, KeepSettings):
        return
    if isinstance(settings, AssembleSettings):
        count, name = len(settings.sources), "sources"
    else:
        count, name = settings.experts, "experts"
    if count not in COUNTS:
        given = f"has {count} models" if name == "sources" else f"is {count}"
        raise JobError(f"'moe.{name}' {given}; a layer can have 2, 4 or 8 experts.", "Give 2, 4 or 8.")
    if settings.top_k < 2:
        raise JobError(f"'moe.top_k' is {settings.top_k}. {_ALONE}", "Give 2 or more.")
    if settings.top_k > count:
        title = f"'moe.top_k' is {settings.top_k}, but there are only {count} experts ('moe.{name}')."
        raise JobError(title, f"Give at most {count}.")
    if job.moe.kind == "lora-experts":
        _refuse_adapter(job)
    refuse_growth_clashes(job)


def _refuse_adapter(job: Job) -> None:
    """What the small experts do not have: their sizes and scale are those of a plain LoRA."""
    adapter = job.adapter.settings
    if job.adapter.kind != "lora":
        title = f"A mixture of LoRA experts needs LoRA, but 'adapter.kind' is '{job.adapter.kind}'."
        raise JobError(title, "Set 'adapter.kind' to 'lora', or 'moe.kind' to 'none'.")
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
            raise JobError(title, f"Leave 'adapter.{name}' as it is by default.")
