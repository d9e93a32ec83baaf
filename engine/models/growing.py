"""A dense model that grows experts before anything is trained: the same again from base, job and seed."""

import dataclasses

from engine.job.cards import resolve
from engine.job.job import Job
from engine.job.moe import MOE
from engine.library.mixtures import with_experts
from engine.models.load import LoadedModel

WAYS = ("upcycle", "assemble")


def grows(job: Job) -> bool:
    """Whether the job's model becomes another one, with experts, before it is trained."""
    return job.moe.kind in WAYS


def grown(job: Job, loaded: LoadedModel) -> LoadedModel:
    """The model with the experts that the job asks for; the same model where it asks for none.

    What does not change is shared with `loaded`. Raises ModelError or JobError in one sentence.
    """
    if not grows(job):
        return loaded
    model = resolve(MOE[job.moe.kind].code)(loaded, job.moe.settings, job.train.seed)
    return dataclasses.replace(loaded, model=model, info=with_experts(job, loaded.info))
