"""Where the time of our updates goes: a case's epoch under torch's profiler, without the update that warms up.

    python -m benchmarks.training.profiling JOB_FILE LAST_UPDATE FOLDER

It is a run of its own, in this process instead of a worker's, and not one of those whose speed is told: the profiler
slows it down.
"""

import sys
import tempfile
from pathlib import Path

from benchmarks.training.asked import Asked, tell
from benchmarks.training.ours import job_for
from benchmarks.training.process import module, run_measured
from benchmarks.training.repeating import prepare
from benchmarks.training.subject import models_folder, wanted_cases
from engine.job.job import read_job, write_job

_ROWS = 25


def profiles(asked: Asked) -> str:
    """A section with one table of operations for each case that was asked for."""
    texts = ["## Where the time of an update goes", _HOW]
    with tempfile.TemporaryDirectory() as name:
        for case in wanted_cases(asked):
            tell(f"{case.name}: profile")
            prepared = prepare(case, models_folder(), Path(name))
            folder = prepared.folder / "profile"
            folder.mkdir()
            file = folder / "job.toml"
            write_job(job_for(case, prepared.model, prepared.data), file)
            run_measured(module("profiling", file, case.updates, folder), folder, {})
            table = (folder / "table.txt").read_text(encoding="utf-8").strip()
            texts.append(f"### {case.name}, {case.updates - 1} updates\n\n```text\n{table}\n```")
    return "\n\n".join(texts)


_HOW = (
    "Operations of our updates by the processor time that they take themselves, from torch's profiler, the warm-up "
    "left out; looking at a reference comes before and is not in it."
)


def profile_run(job_file: Path, last: int, folder: Path) -> str:
    """The table of operations of a run's updates 2 to `last`."""
    from torch.profiler import ProfilerActivity, profile

    from benchmarks.gpu_profile import ProfilingDesk
    from engine.train.session import train

    profiler = profile(activities=[ProfilerActivity.CPU])
    train(read_job(job_file), ProfilingDesk(folder, profiler, 1, last))
    found = profiler.key_averages()
    table: str = found.table(sort_by="self_cpu_time_total", row_limit=_ROWS, max_name_column_width=60)
    return table


if __name__ == "__main__":
    _file, _last, _folder = sys.argv[1:]
    _table = profile_run(Path(_file), int(_last), Path(_folder))
    (Path(_folder) / "table.txt").write_text(_table, encoding="utf-8")
