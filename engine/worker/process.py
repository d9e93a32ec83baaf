"""The worker's process: output redirected first, then the machine's share settled, then the work."""

import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import IO

from engine.data.early import import_arrow
from engine.job.channel import JOB_FILE, append
from engine.job.commands import Cancel, Stop
from engine.job.errors import EngineError, FolderError
from engine.job.job import read_toml
from engine.library.early import begin_early
from engine.library.launch import WARM
from engine.library.preferences import read_preferences
from engine.worker.claim import claim
from engine.worker.courtesy import be_courteous
from engine.worker.log import hold_output, log_to, redact
from engine.worker.work import INPUT, work


def main(arguments: list[str]) -> int:
    """Run a worker on the folder in `arguments`, or a warm one for `-`; returns the exit code."""
    if len(arguments) != 1:
        print("Give a task's folder, or - to wait for one: python -m engine worker FOLDER", file=sys.stderr)
        return INPUT
    try:
        return _wait_warm() if arguments[0] == WARM else _run(Path(arguments[0]))
    except EngineError as error:
        print(redact(str(error)), file=sys.stderr)  # engine.log, or the caller's stderr before there is one
        return error.exit_code


def _run(folder: Path, held: IO[bytes] | None = None) -> int:
    folder = folder.absolute()
    if not (folder / JOB_FILE).is_file():
        raise FolderError(f"{folder} is not a task: {JOB_FILE} is missing.", "Give a run's folder.")
    with claim(folder):
        log_to(folder, held)
        if held is None:
            be_courteous(os.environ, read_preferences().threads)
        _close_input()
        _stop_when_told(folder)
        return work(folder)


def _wait_warm() -> int:
    """Import what takes long while waiting for a folder on stdin; its end without one ends the worker quietly.

    A folder that comes before the imports are done is begun at once: data can be looked at without torch.
    """
    held = hold_output()
    be_courteous(os.environ, read_preferences().threads)
    begin_early(_import_libraries)
    line = sys.stdin.readline()
    return _run(Path(line.rstrip("\r\n")), held) if line.strip() else 0


def _import_libraries() -> None:
    """The libraries with the parts that they load late: 3 seconds that a waiting person does not see.

    What a first look at a file needs comes first, what training alone needs last.
    """
    import engine.use.inspect

    _ = engine.use.inspect
    import_arrow()
    import peft
    import torch
    import transformers

    _ = (torch.optim.AdamW, peft.LoraConfig, peft.get_peft_model)
    _ = (transformers.AutoModelForCausalLM, transformers.AutoTokenizer, transformers.LlamaForCausalLM)
    import engine.train.session

    _ = engine.train.session


def _close_input() -> None:
    """Nothing that a library asks for may wait for an answer."""
    handle = os.open(os.devnull, os.O_RDONLY)
    os.dup2(handle, 0)
    os.close(handle)


def _stop_when_told(folder: Path) -> None:
    """SIGTERM and SIGINT ask the task to stop and save, a second one ends the process; SIGHUP is ignored."""
    is_training = _task_of(folder) == "train"

    def ask(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        append(folder, Stop(keep=True) if is_training else Cancel())

    signal.signal(signal.SIGTERM, ask)
    signal.signal(signal.SIGINT, ask)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, signal.SIG_IGN)


def _task_of(folder: Path) -> str:
    """The task's name in `job.toml`, "train" where it cannot be read (the work itself will tell why)."""
    try:
        return str(read_toml(folder / JOB_FILE).get("task", "train"))
    except EngineError:
        return "train"
