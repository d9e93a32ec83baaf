"""selftest: whether this installation can train, answer, export and open its window. One line a check."""

import importlib.util
import io
import os
import subprocess
import sys
import tempfile
from argparse import Namespace
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from engine.cli.answers import ask_models
from engine.cli.exporting import export_to_end
from engine.cli.follow import End
from engine.cli.output import Output, one_line
from engine.cli.progress import number
from engine.cli.training import train_to_end
from engine.cli.verb import DONE, FAULT, Verb
from engine.job.errors import EngineError
from engine.job.events import Check
from engine.job.job import Job
from engine.job.sections import STARTER
from engine.job.tasks import ExportTask
from engine.library.example import example_job
from engine.library.folders import starter_folder
from engine.library.home import HOME_VARIABLE
from engine.library.models import check_model
from engine.library.runs import create_run

STEPS = 2
WINDOW_SECONDS = 120
_ANSWERS = Namespace(seed=42, temperature=0.0, max_new_tokens=16, device="auto")


@dataclass
class _Trial:
    """What the checks hand on to each other: the scratch folder and the run that was trained in it."""

    folder: Path
    run: Path | None = None

    @property
    def trained(self) -> Path:
        if self.run is None:
            raise EngineError("nothing was trained")
        return self.run


def _selftest(_options: Namespace, output: Output) -> int:
    with scratch_home() as folder:
        trial = _Trial(folder)
        checks = [_checked(title, check, trial, output) for title, check in _CHECKS]
    passed = all(check.passed for check in checks)
    output.result({"passed": passed, "checks": checks})
    output.text("Everything works." if passed else "Something does not work; see the lines above.")
    return DONE if passed else FAULT


def _model(_trial: _Trial) -> str:
    info = check_model(starter_folder())
    return f"{info.architecture}, {info.parameters:,} parameters"


def _training(trial: _Trial) -> str:
    folder = create_run(_short_job(), trial.folder / "runs")
    summary, end = train_to_end(folder, silent())
    _require(end)
    trial.run = folder
    return f"{len(summary.losses)} steps, loss {number(summary.losses[-1])}"


def _answering(trial: _Trial) -> str:
    models = [STARTER, str(trial.trained)]
    _, answers, end = ask_models(models, example_job().watch.prompts[:1], _ANSWERS, silent())
    _require(end)
    return one_line(answers[0].text, 60)


def _exporting(trial: _Trial) -> str:
    task = ExportTask(run=str(trial.trained), format="merged", out=str(trial.folder / "merged"))
    exported, checks, end = export_to_end(task, silent())
    _require(end)
    failed = [check.title for check in checks if not check.passed]
    if exported is None or failed:
        raise EngineError(f"not as it should be: {', '.join(failed) or 'nothing was written'}")
    check_model(Path(exported.path))
    return f"{exported.files} files"


def _window(_trial: _Trial) -> str:
    if importlib.util.find_spec("PySide6") is None or importlib.util.find_spec("gui") is None:
        return "not installed; the terminal does without"
    command = [sys.executable, *([] if getattr(sys, "frozen", False) else ["-m", "gui"]), "--selftest"]
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    done = subprocess.run(
        command, env=environment, timeout=WINDOW_SECONDS, check=False, capture_output=True, text=True
    )
    if done.returncode:
        raise EngineError(f"exit code {done.returncode}: {one_line(done.stderr[-300:], 300)}")
    return "opened and closed"


_CHECKS: tuple[tuple[str, Callable[[_Trial], str]], ...] = (
    ("The starter model is complete", _model),
    (f"It trains {STEPS} steps", _training),
    ("It answers before and after", _answering),
    ("It exports as a model of its own", _exporting),
    ("The window opens", _window),
)


def _checked(title: str, check: Callable[[_Trial], str], trial: _Trial, output: Output) -> Check:
    try:
        result = Check(title, check(trial), True)
    except (EngineError, subprocess.TimeoutExpired) as error:
        result = Check(title, str(error), False)
    output.text(f"{'✓' if result.passed else '✗'} {title}: {result.detail}")
    return result


def _short_job() -> Job:
    job = example_job(quick=True)
    return replace(
        job, name="selftest", train=replace(job.train, steps=STEPS), watch=replace(job.watch, prompts=())
    )


def _require(end: End) -> None:
    if end.status != "done":
        raise EngineError(end.sentence or f"it ended as '{end.status}'")


def silent() -> Output:
    """An output for progress that nobody needs to see."""
    return Output(out=io.StringIO(), err=io.StringIO())


@contextmanager
def scratch_home() -> Iterator[Path]:
    """A home of its own for the block, so that nothing of the user's is read or changed."""
    before = os.environ.get(HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="tunewright-") as name:
        os.environ[HOME_VARIABLE] = name
        try:
            yield Path(name)
        finally:
            os.environ.pop(HOME_VARIABLE)
            if before is not None:
                os.environ[HOME_VARIABLE] = before


SELFTEST = Verb("selftest", "Check that this installation works from end to end.", run=_selftest)
