"""What the user chose for every run: looks, folders, network. One JSON file, used by window and terminal."""

import dataclasses
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from engine.job.codec import to_plain
from engine.job.errors import FolderError, JobError
from engine.job.settings import check_value, setting, setting_fields
from engine.library.home import home

RECENT = 5


@dataclass(frozen=True)
class Preferences:
    """Every preference with its label, help and limits."""

    theme: str = setting(
        "system",
        "Theme",
        "Follows the system unless you choose.",
        choices={"system": "System", "light": "Light", "dark": "Dark"},
        group="Look",
    )
    language: str = setting(
        "system",
        "Language",
        "Numbers and dates follow it too.",
        choices={"system": "System", "en": "English"},
        group="Look",
    )
    text_scale: int = setting(
        100, "Text size", "Scales every page.", unit="%", low=80, high=200, group="Look"
    )
    data_folder: str = setting("", "Data", "Where your files of examples are.", group="Folders")
    runs_folder: str = setting(
        "", "Runs and checkpoints", "Where training writes its results.", group="Folders"
    )
    models_folder: str = setting("", "Models", "Where your model folders are.", group="Folders")
    more_model_folders: tuple[str, ...] = setting(
        (), "More model folders", "Also searched for models.", group="Folders"
    )
    threads: int | None = setting(
        None,
        "Processor cores used",
        "Leaves the rest for other programs.",
        term="threads",
        low=1,
        high=1024,
        auto="auto",
        group="This computer",
    )
    keep_awake: bool = setting(
        True, "Stay awake while training", "The screen may still turn off.", group="This computer"
    )
    notify: bool = setting(
        True, "Tell me when a run ends", "Shows a notification of the system.", group="This computer"
    )
    offline: bool = setting(
        False, "Work offline", "Makes no network call at all.", group="Network and privacy"
    )
    seen_welcome: bool = setting(False, "Welcome seen", "The welcome pane was closed once.")
    recent_models: tuple[str, ...] = setting((), "Recent models", "The models used last.")
    recent_data: tuple[str, ...] = setting((), "Recent data", "The files used last.")


def preferences_file() -> Path:
    """Where the preferences stand."""
    return home() / "preferences.json"


def read_preferences() -> Preferences:
    """The preferences; what is missing or unusable has its default, so that a bad file never stops the app."""
    values = _stored(preferences_file())
    usable = {}
    for field in setting_fields(Preferences):
        try:
            usable[field.name] = check_value(field, values[field.name])
        except (KeyError, JobError):
            continue
    return Preferences(**usable)


def write_preferences(preferences: Preferences) -> None:
    """Write the preferences, atomically; raises FolderError when that cannot be done."""
    path = preferences_file()
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(json.dumps(to_plain(preferences), indent=1, ensure_ascii=False), encoding="utf-8")
        part.replace(path)
    except OSError as error:
        advice = "Check that the folder is writable and has free space."
        raise FolderError(f"{path} cannot be written: {error.strerror}.", advice) from None


def with_recent(preferences: Preferences, name: str, value: str) -> Preferences:
    """The preferences with `value` first in "recent_models" or "recent_data", at most five, none twice."""
    others = [old for old in getattr(preferences, name) if old != value]
    changed: dict[str, Any] = {name: (value, *others)[:RECENT]}
    return dataclasses.replace(preferences, **changed)


def _stored(path: Path) -> dict[str, object]:
    try:
        values = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError):
        return {}
    return values if isinstance(values, dict) else {}
