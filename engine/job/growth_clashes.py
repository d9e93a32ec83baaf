"""What does not go together where a model grows full experts: refused in words before anything is loaded."""

from engine.job.errors import JobError
from engine.job.job import Job
from engine.job.moe_settings import AssembleSettings, UpcycleSettings
from engine.job.words import learns_all_words


def refuse_growth_settings(job: Job) -> None:
    """Raise JobError, naming the field, for settings of experts that are not complete or exclude each other."""
    settings = job.moe.settings
    if not isinstance(settings, UpcycleSettings | AssembleSettings):
        return
    if isinstance(settings, AssembleSettings) and len(settings.prompts) != len(settings.sources):
        title = f"'moe.prompts' has {len(settings.prompts)} entries for {len(settings.sources)} models."
        advice = "Give a text file with prompts for each model, in the same order."
        raise JobError(title, advice, brief="Each model needs a text file with prompts.")
    _refuse_words(job, settings)


def refuse_growth_company(job: Job) -> None:
    """Raise JobError, naming the field, where full experts do not go with the adapter or the model's precision."""
    settings = job.moe.settings
    if not isinstance(settings, UpcycleSettings | AssembleSettings):
        return
    if isinstance(settings, AssembleSettings):
        _refuse_other_than_full(job)
    elif job.adapter.kind not in ("full", "lora"):
        title = (
            f"A model that grows experts needs full training or LoRA; 'adapter.kind' is '{job.adapter.kind}'."
        )
        advice = "Set 'adapter.kind' to 'full' or 'lora', or 'moe.kind' to 'none'."
        raise JobError(title, advice, brief="Needs LoRA or full training as the part that changes.")
    elif job.adapter.kind == "lora" and settings.copy_noise > 0:
        title = "'moe.copy_noise' does not go with LoRA, whose experts must be made again from the model as it is."
        brief = "Does not go with LoRA, whose experts must be made again from the model as it is."
        raise JobError(title, "Set it to 0, or 'adapter.kind' to 'full'.", brief=brief)
    if job.model.quantization != "none":
        title = "A compressed model cannot grow experts ('model.quantization')."
        advice = "Set 'model.quantization' to 'none'."
        raise JobError(title, advice, brief="Not with compressed weights.")


def _refuse_other_than_full(job: Job) -> None:
    if job.adapter.kind != "full":
        title = f"An assembled model's router learns by full training, but 'adapter.kind' is '{job.adapter.kind}'."
        advice = "Set 'adapter.kind' to 'full'; 'moe.learns' says which part is trained."
        raise JobError(title, advice, brief="Needs full training as the part that changes.")


def _refuse_words(job: Job, settings: UpcycleSettings | AssembleSettings) -> None:
    if job.adapter.kind != "full" or settings.learns == "all":
        return
    for name, is_asked in (
        ("model.new_tokens", bool(job.model.new_tokens)),
        ("method.embeddings", learns_all_words(job)),
    ):
        if is_asked:
            title = f"'{name}' wants words to learn, but 'moe.learns' is '{settings.learns}', which leaves them out."
            advice = "Let every weight learn, or choose LoRA, or leave the words as they are."
            raise JobError(title, advice, brief=f"Words shall learn, but they are left out here. {advice}")
