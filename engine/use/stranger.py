"""A stranger's look at an export: a process of its own opens it with transformers alone and asks it."""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file

from engine.models.generate import as_messages
from engine.use import reopen
from engine.use.trial import Trial

REOPEN = "reopen"
_LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Reopened:
    """What the stranger's process found. `problem` is not empty when it could not even open the export."""

    trial: Trial
    parameters: int = 0
    eos: tuple[int, ...] = ()
    has_template: bool = False
    problem: str = ""


@dataclass(frozen=True)
class Export:
    """What the stranger's process shall open. `base` is needed by an adapter, `gguf_file` names a GGUF.

    `config` is the folder of the original's config.json, for what transformers' reader passes over in a GGUF.
    `dtype` is what an adapter's base is loaded in; `end_ids` are given where the export itself has no place for
    them. `rows`: how many tokens an adapter's base must be given room for, 0 where it has it. `gives_ids`: transformers does not know how this file splits text, so the prompts are given as tokens.
    """

    folder: Path
    base: str = ""
    gguf_file: str = ""
    config: str = ""
    end_ids: tuple[int, ...] = ()
    dtype: str = ""
    device: str = "cpu"
    gives_ids: bool = False
    rows: int = 0


def reopened(
    export: Export,
    trial: Trial,
    *,
    tokenizer: Any,  # Any: transformers' tokenizers share no typed base
    ends: Sequence[int],
    max_new_tokens: int,
    answered: Callable[[int], None],
    stopped: Callable[[], None],
) -> Reopened:
    """Open the export in a process of its own that knows transformers alone, and ask it the same prompts.

    `answered` gets the number of prompts done; what `stopped` raises ends the process.
    """
    with tempfile.TemporaryDirectory(prefix="tunewright-") as name:
        home = Path(name)
        request, reply, logits = home / "request.json", home / "reply.json", home / "logits.safetensors"
        request.write_text(json.dumps(_request(export, trial, tokenizer, max_new_tokens)), encoding="utf-8")
        problem = _run([str(request), str(reply), str(logits)], home / "log", answered, stopped)
        if problem:
            return Reopened(Trial([], [], [], [], []), problem=problem)
        values = json.loads(reply.read_text(encoding="utf-8"))
        tensors = load_file(logits)
    return _read(values, tensors, trial, tokenizer, ends)


def _request(export: Export, trial: Trial, tokenizer: Any, max_new_tokens: int) -> dict[str, Any]:
    prompts: list[Any] = [*trial.prompts]
    if tokenizer.chat_template:
        asked = [as_messages(tokenizer, prompt) for prompt in trial.prompts]
        prompts = [[{"role": turn.role, "content": turn.content} for turn in turns] for turns in asked]
    return {
        "folder": str(export.folder),
        "base": export.base,
        "dtype": export.dtype,
        "rows": export.rows,
        "gguf_file": export.gguf_file,
        "config": export.config,
        "end_ids": list(export.end_ids),
        "device": export.device,
        "threads": torch.get_num_threads(),
        "max_new_tokens": max_new_tokens,
        "prompts": prompts,
        "ids": trial.prompt_ids if export.gives_ids else [],
    }


def _run(
    arguments: list[str], log: Path, answered: Callable[[int], None], stopped: Callable[[], None]
) -> str:
    """Run the process to its end; returns why it failed, or nothing."""
    environment = os.environ | {"HF_HUB_OFFLINE": "1", "PYTHONWARNINGS": "ignore"}
    with log.open("w+", encoding="utf-8", errors="replace") as output:
        process = subprocess.Popen(
            _command(arguments),
            stdout=output,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            env=environment,
        )
        try:
            while process.poll() is None:
                stopped()
                done = [
                    line
                    for line in log.read_text(encoding="utf-8", errors="replace").split()
                    if line.isdigit()
                ]
                answered(int(done[-1]) if done else 0)
                time.sleep(_LOOK_SECONDS)
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if process.returncode == 0:
        return ""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return f"It ended with code {process.returncode}: {lines[-1][:300] if lines else 'without a word'}"


def _command(arguments: list[str]) -> list[str]:
    """`-P`: the script's own folder must not stand before the installed packages."""
    if getattr(sys, "frozen", False):
        return [sys.executable, REOPEN, *arguments]
    return [sys.executable, "-P", str(Path(reopen.__file__)), *arguments]


def _read(
    values: dict[str, Any],
    tensors: dict[str, torch.Tensor],
    asked: Trial,
    tokenizer: Any,
    ends: Sequence[int],
) -> Reopened:
    answers: list[list[int]] = values["answer_ids"]
    ended = [bool(ids) and ids[-1] in ends for ids in answers]
    spoken = [ids[:-1] if done else ids for ids, done in zip(answers, ended, strict=True)]
    texts = [
        tokenizer.decode(ids, skip_special_tokens=True, clean_up_tokenization_spaces=False) for ids in spoken
    ]
    logits = [tensors[str(number)] for number in range(len(answers))]
    trial = Trial(asked.prompts, values["prompt_ids"], texts, ended, logits)
    return Reopened(trial, values["parameters"], tuple(values["eos"]), values["has_template"])
