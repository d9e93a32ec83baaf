"""The report that a person may copy when something went wrong: versions and the last log, nothing else."""

import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import engine
from engine.job.channel import LOG_FILE
from gui.state.app_state import AppState

_PACKAGES = ("torch", "transformers", "peft", "safetensors", "tokenizers", "PySide6-Essentials", "pyqtgraph")
_LOG_BYTES = 8000
_SECRET = re.compile(r"hf_[A-Za-z0-9]+")


def report_text(state: AppState) -> str:
    """Versions, device and the end of the shown run's log, with secrets taken out."""
    lines = [f"Tunewright {engine.__version__}", f"Python {platform.python_version()}, {platform.platform()}"]
    lines += [f"{name} {_version(name)}" for name in _PACKAGES]
    lines += [f"{device.kind}: {device.name}" for device in state.machine.now.devices]
    if state.run is not None:
        lines += ["", f"Run: {state.run.name} ({state.run.status})"]
        if state.run.failure is not None:
            lines += [state.run.failure.title, getattr(state.run.failure, "detail", "")]
        lines += ["", _end_of(state.run.folder / LOG_FILE)]
    return _SECRET.sub("hf_…", "\n".join(lines))


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed"


def _end_of(path: Path) -> str:
    try:
        return path.read_bytes()[-_LOG_BYTES:].decode("utf-8", "replace")
    except OSError:
        return ""
