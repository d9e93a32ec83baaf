"""What a person is told when a worker ended without a word: in the window and in the terminal alike."""

from engine.job.events import Lost


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
