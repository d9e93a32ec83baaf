"""New, Open and Save of the set-up: job files by the native dialogs."""

from pathlib import Path

from PySide6.QtWidgets import QFileDialog, QWidget

from engine.job.errors import EngineError
from engine.job.job import Job, read_job, write_job
from gui.state.app_state import AppState


def new_setup(state: AppState) -> None:
    """Begin a fresh draft; Undo brings the old one back."""
    state.draft.replace(Job())
    state.close_run()
    state.navigate.emit("model")


def open_file(state: AppState, parent: QWidget) -> None:
    """Open a job file as the draft, or data as the draft's data."""
    title = parent.tr("Open a job file or a file of examples")
    filters = parent.tr(
        "Jobs and examples (*.toml *.jsonl *.json *.csv *.tsv *.parquet *.txt);;All files (*)"
    )
    name, _ = QFileDialog.getOpenFileName(parent, title, "", filters)
    if not name:
        return
    if name.endswith(".toml"):
        load_job(state, Path(name))
    else:
        state.open_paths([Path(name)])


def load_job(state: AppState, path: Path) -> None:
    """Take a job file as the draft, or say what is wrong with it."""
    try:
        state.draft.replace(read_job(path))
    except EngineError as error:
        state.notice.emit("error", error.title, error.advice)
        return
    state.notice.emit("success", f"{path.name} is now the set-up.", "")


def save_file(state: AppState, parent: QWidget) -> None:
    """Write the draft as a job file, for the command line or another computer."""
    title = parent.tr("Save the settings as a job file")
    suggested = (state.draft.job.name or "job") + ".toml"
    name, _ = QFileDialog.getSaveFileName(parent, title, suggested, parent.tr("Job files (*.toml)"))
    if not name:
        return
    try:
        write_job(state.draft.job, Path(name))
    except EngineError as error:
        state.notice.emit("error", error.title, error.advice)
        return
    state.notice.emit("success", f"Saved {Path(name).name}.", f"Train it with: tunewright train {name}")
