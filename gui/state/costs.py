"""What the draft will cost, worked out anew after every edit."""

from dataclasses import dataclass

from engine.job.clashes import refuse_clashes
from engine.job.errors import EngineError
from engine.job.events import Inspected
from engine.job.job import Job
from engine.job.moe_clashes import refuse_company
from engine.library.devices import Machine
from engine.library.estimate import Estimate, RowStats, estimate
from engine.library.lineage import as_trained
from engine.library.models import ModelInfo, describe, locate_model
from engine.library.room import longest_row
from gui.state.experts import base_of, complete, refuse_base


@dataclass(frozen=True)
class Costs:
    """The estimate and the model that it is for."""

    estimate: Estimate
    model: ModelInfo

    @property
    def seconds(self) -> tuple[float, float] | None:
        """Lowest and highest guess of the time."""
        return self.estimate.seconds


def costs_of(
    job: Job, machine: Machine, rows: RowStats | None = None, model: ModelInfo | None = None
) -> Costs | None:
    """The costs of a draft, or of the draft with another model; None when it cannot be trained so."""
    try:
        refuse_company(job)
        if model is None:
            model, job = describe(locate_model(job.model.source, job.model.revision)), as_trained(job)
        return Costs(estimate(complete(job), model, rows, machine), model)
    except EngineError:
        return None


def room_of(job: Job) -> int:
    """Where rows of the draft are cut, in tokens; as it says itself where the model cannot be used."""
    try:
        return longest_row(job, describe(locate_model(job.model.source, job.model.revision)))
    except EngineError:
        return job.rows.max_tokens


def choices_problem(job: Job) -> str:
    """What excludes each other in the draft's choices, "" when nothing does. The model alone is not judged."""
    base = base_of(job)
    try:
        refuse_clashes(job)
        if base is not None:
            refuse_base(job, base)
            longest_row(job, base)
    except EngineError as error:
        return str(error) if error.brief == error.title else error.brief
    return ""


def stats_of(inspected: Inspected) -> RowStats:
    """What the estimate needs to know of inspected data."""
    lengths = inspected.lengths or (0,)
    return RowStats(
        rows=inspected.usable,
        tokens_mean=sum(lengths) / len(lengths),
        tokens_max=max(lengths),
        trained_share=inspected.trained_share,
    )
