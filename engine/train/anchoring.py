"""The reference before training: which model it is, what is known of the rows already, and a look at the rest."""

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain

from safetensors import SafetensorError

from engine.job.channel import Desk
from engine.job.errors import JobError
from engine.job.events import Progress, Remark
from engine.job.job import Job
from engine.job.method_fields import START
from engine.library.lineage import lineage
from engine.models.beginning import load_beginning, reads_alike
from engine.models.fingerprint import weights_digest
from engine.models.load import LoadedModel
from engine.train.batches import Example
from engine.train.examples import mismatched
from engine.train.forward import Policy
from engine.train.known import recall, remember
from engine.train.memory import RowsAtATime
from engine.train.reference import Reference, Renewal
from engine.train.stopping import stop_if_asked


def open_reference(
    job: Job,
    policy: Policy,
    loaded: LoadedModel,
    count: int,
    digest: str,
    is_fresh: bool,
    arrange: Callable[[Policy], Policy],
) -> Reference | None:
    """The reference that the job's method asks for, for `count` examples; None when it needs none.

    A method for pairs that needs none gets the start, which its drift is measured from (see `watches_start`).
    `digest`: that of the model that the run begins with. `is_fresh`: its adapter is new. `arrange` gives another model
    the way its rows go together. Raises JobError when another model was asked for that reads text differently, or that
    should be renewed as well.
    """
    settings = job.method.settings
    if watches_start(job):
        return Reference(policy, count, None, is_fresh, _mark(digest, loaded.dtype, policy))
    if not job.method_card.needs_reference:
        return None
    renewal = None
    if settings.reference_update is not None:
        renewal = Renewal(settings.reference_update, settings.reference_share)
    if settings.reference == START:
        return Reference(policy, count, renewal, is_fresh, _mark(digest, loaded.dtype, policy))
    if renewal is not None:
        title = (
            "'method.reference_update' renews the reference from the model that learns, so it begins there."
        )
        raise JobError(title, "Set 'method.reference' to 'start', or 'method.reference_update' to 'off'.")
    other = arrange(_other(settings.reference, policy, loaded))
    mark = _mark(weights_digest(other.model), loaded.dtype, other)
    return Reference(other, count, None, is_adapter_fresh=False, mark=mark, is_other=True)


def watches_start(job: Job) -> bool:
    """Whether the method learns from pairs without a reference: then the drift of the rows kept back is measured.

    They are few, always the same, and their start is remembered for later runs, so that it costs one more check.
    """
    return job.method_card.rows == "preference" and not job.method_card.needs_reference


def look_at_reference(
    reference: Reference, groups: Sequence[Sequence[Example]], work: RowsAtATime, desk: Desk
) -> None:
    """Have the reference know all these rows, given in groups as updates will have them, or from an earlier run.

    What had to be computed is kept for later runs with the same reference. Raises StoppedError when a stop was heard.
    """
    recall(reference.mark, chain.from_iterable(groups), reference.known)
    missing = [group for group in groups if any(_is_unknown(reference, row) for row in group)]
    if not missing:
        return
    for done, group in enumerate(missing):
        stop_if_asked(desk)
        desk.tell(Progress("Looking at the reference", done, len(missing), "updates"))

        def look(size: int, group: Sequence[Example] = group) -> None:
            reference.prepare(reference.policy.batches(group, size))

        work.fitting(look)
    try:
        remember(reference.mark, chain.from_iterable(groups), reference.known)
    except (OSError, SafetensorError) as error:
        desk.tell(Remark("info", f"The reference's numbers were not kept for later runs: {error}."))


def with_mismatched_rows(groups: Iterable[Sequence[Example]]) -> Iterator[Sequence[Example]]:
    """Each group, and after it what stands beside its rows of feedback."""
    for group in groups:
        yield group
        if others := mismatched(group):
            yield others


def _mark(digest: str, dtype: str, policy: Policy) -> str:
    """A name for the numbers that a model gives: its weights, and what they are computed in."""
    # The fast paths as well: in narrow numbers each gives slightly others, and at the start both sides shall be the same.
    numbers = f"{digest} {dtype} {policy.autocast} {policy.device.partition(':')[0]} {policy.paths}"
    return hashlib.sha256(numbers.encode()).hexdigest()[:32]


def _is_unknown(reference: Reference, row: Example) -> bool:
    return bool(reference.known[row.index, 0].isnan())


def _other(source: str, policy: Policy, loaded: LoadedModel) -> Policy:
    found = lineage(source)
    if not reads_alike(loaded, found):
        title = f"The reference '{source}' divides text into other tokens than the model that learns."
        raise JobError(title, "Choose a reference of the same family.")
    other = load_beginning(found, loaded.dtype, policy.device.partition(":")[0])
    return Policy(other.model, policy.device)
