"""The app's own folder, before anyone has chosen anything."""

import os
from pathlib import Path

HOME_VARIABLE = "TUNEWRIGHT_HOME"


def home() -> Path:
    """Where preferences, runs and models live: `TUNEWRIGHT_HOME`, else the platform's data folder."""
    chosen = os.environ.get(HOME_VARIABLE)
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return platformdirs.user_data_path("Tunewright", appauthor=False)
