"""What a person is told when a worker ended without a word: in the window and in the terminal alike."""

from engine.job.events import Failed, Finished, Lost
from engine.job.record import ENDED, RunRecord


def recorded_end(record: RunRecord) -> Finished | Failed | None:
    """The end that a run's record tells where its events lack it (a history cut short); None for a loss."""
    if record.status not in ENDED or record.status == "lost":
        return None
    if record.status == "failed":
        return Failed(record.message or "The run failed.", "Its engine.log has the details.")
    return Finished(record.status, max(0.0, (record.finished or 0.0) - (record.started or 0.0)))


def lost_event(exit_code: int | None, checkpoint_step: int | None) -> Lost:
    """What a person is told when a worker ends without a word."""
    if exit_code == -9:
        title = "The system ended the engine (signal 9), most likely because memory ran out."
        advice = "Close other programs or use fewer rows at a time, then continue."
    elif exit_code is not None and exit_code < 0:
        title = f"The engine crashed (signal {-exit_code})."
        advice = "Continue from the last checkpoint; if it happens again, copy the report."
    elif exit_code:
        title = f"The engine ended unexpectedly (code {exit_code})."
        advice = "The details are in the report."
    else:
        title = "The engine is no longer running; the computer or the process was shut down."
        advice = "Continue from the last checkpoint."
    saved = "" if checkpoint_step is None else f" Everything up to step {checkpoint_step} is saved."
    return Lost(exit_code, title, advice + saved, checkpoint_step)
