"""Presets: the method, adapter and training settings of a draft as a TOML of their own."""

from pathlib import Path

from engine.job.job import Job, job_from_values, job_values, read_toml, write_toml

SECTIONS = ("rows", "method", "adapter", "moe", "train", "saving", "watch", "device")


def save_preset(job: Job, path: Path) -> None:
    """Write everything but name, model and data; raises FolderError."""
    values = job_values(job)
    write_toml({"schema": values["schema"], **{name: values[name] for name in SECTIONS}}, path)


def load_preset(job: Job, path: Path) -> Job:
    """The job with the preset's settings; its name, model and data stay. Raises JobError."""
    preset = read_toml(path)
    values = job_values(job)
    kept = {name: value for name, value in preset.items() if name in SECTIONS}
    return job_from_values({**values, **kept}, None)
