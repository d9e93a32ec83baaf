"""Where everything lives. Nothing here creates a folder: who writes into one makes it."""

import os
from importlib.resources import files
from pathlib import Path

from engine.library.home import HOME_VARIABLE, home
from engine.library.preferences import read_preferences


def runs_folder() -> Path:
    """The run store: as chosen in the settings, else "runs" below `home`."""
    return _chosen(read_preferences().runs_folder, "runs")


def models_folder() -> Path:
    """Where the user keeps model folders: as chosen in the settings, else "models" below `home`."""
    return _chosen(read_preferences().models_folder, "models")


def data_folder() -> Path:
    """Where the user keeps files of examples: as chosen in the settings, else "data" below `home`."""
    return _chosen(read_preferences().data_folder, "data")


def model_folders() -> list[Path]:
    """Every folder that is searched for models: the user's, the further ones, and the hub's cache."""
    further = (Path(text).expanduser() for text in read_preferences().more_model_folders)
    return [models_folder(), *further, hub_cache()]


def cache_folder() -> Path:
    """What may be deleted at any time."""
    if os.environ.get(HOME_VARIABLE):
        return home() / "cache"
    import platformdirs

    return platformdirs.user_cache_path("Tunewright", appauthor=False)


def tasks_folder() -> Path:
    """The short-lived folders of compare, export, inspect and download."""
    return cache_folder() / "tasks"


def trash_folder(runs: Path | None = None) -> Path:
    """Deleted runs of a run store. It lies within the store, so that deleting never copies."""
    return (runs or runs_folder()) / ".trash"


def hub_home() -> Path:
    """The hub client's own folder, shared with other programs (`HF_HOME`)."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(os.environ.get("HF_HOME") or Path(cache) / "huggingface").expanduser()


def hub_cache() -> Path:
    """Downloaded hub models, shared with other programs (`HF_HUB_CACHE`)."""
    chosen = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE")
    return Path(chosen).expanduser() if chosen else hub_home() / "hub"


def resource(*parts: str) -> Path:
    """A file or folder that ships with the app."""
    return Path(str(files("resources"))).joinpath(*parts)


def starter_folder() -> Path:
    """The bundled starter model."""
    return resource("starter")


def samples_folder() -> Path:
    """The bundled files of examples."""
    return resource("samples")


def _chosen(text: str, name: str) -> Path:
    return Path(text).expanduser().absolute() if text else home() / name
