"""What the rail says of each step: done, needs attention, busy or nothing."""

from engine.job.errors import EngineError
from engine.library.models import check_model, locate_model
from gui.state.app_state import AppState
from gui.state.costs import choices_problem
from gui.state.sources import is_present


def step_marks(state: AppState) -> dict[str, str]:
    """The mark of every step for the present draft and run."""
    job = state.draft.job
    is_usable = all(map(is_present, job.data)) and not state.inspection.refusal_of(job)[0]
    data = "" if not job.data else "done" if is_usable else "attention"
    model = "done" if _is_usable(job.model.source, job.model.revision) else "attention"
    run = state.run
    train = ""
    if run is not None:
        train = "busy" if run.is_active else "attention" if run.status in ("failed", "lost") else "done"
    method = "done" if data == "done" and model == "done" else ""
    if choices_problem(job) or any(state.assembling.problems(job)):
        method = "attention"
    return {"model": model, "data": data, "method": method, "train": train}


def _is_usable(source: str, revision: str | None) -> bool:
    try:
        check_model(locate_model(source, revision))
    except EngineError:
        return False
    return True
