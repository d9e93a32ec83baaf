"""What a run minimises: the method's loss over a batch, with the reference where it needs one."""

from collections.abc import Callable

from engine.job.cards import resolve
from engine.job.job import Job
from engine.methods.loss import Loss
from engine.train.batches import Batch
from engine.train.forward import Policy
from engine.train.reference import Reference

Objective = Callable[[Batch], Loss]


def objective_of(job: Job, policy: Policy, reference: Reference | None) -> Objective:
    """The loss of the job's method as a function of a batch alone."""
    loss, kind, settings = resolve(job.method_card.code), job.method.kind, job.method.settings

    def supervised(batch: Batch) -> Loss:
        found: Loss = loss(kind, policy.score(batch), settings)
        return found

    def preference(batch: Batch) -> Loss:
        anchor = reference.of(batch) if reference is not None else None
        found: Loss = loss(kind, policy.score_pairs(batch), anchor, settings)
        return found

    return preference if job.method_card.rows == "preference" else supervised
