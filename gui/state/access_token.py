"""Keep or forget the hub's access token, with a notice where that cannot be done."""

from engine.job.errors import EngineError
from engine.library.hub_token import delete_token, save_token
from gui.state.app_state import AppState


def keep_token(state: AppState, token: str) -> bool:
    """Write the token for its owner's eyes alone; False (and a notice) when it cannot be written."""
    try:
        save_token(token)
    except EngineError as error:
        state.notice.emit("error", error.title, error.advice)
        return False
    return True


def forget_token(state: AppState) -> bool:
    """Remove the kept token; False (and a notice) when it cannot be removed."""
    try:
        delete_token()
    except EngineError as error:
        state.notice.emit("error", error.title, error.advice)
        return False
    return True
