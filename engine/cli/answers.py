"""compare: the same prompts put to several models, with the same seed."""

import json
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from engine.cli.answer_experts import HeardExperts, print_experts
from engine.cli.follow import End, begin, work_through
from engine.cli.naming import resolved_model
from engine.cli.output import Output, clean, one_line
from engine.cli.progress import EventPrinter
from engine.cli.training import runs_of
from engine.cli.verb import Verb
from engine.job.commands import Ask, Cancel
from engine.job.errors import DataError, JobError
from engine.job.events import Answered, Event, Loaded
from engine.job.tasks import ChatTask
from engine.library.runs import create_task

_PROMPT_NAMES = ("prompt", "instruction", "question", "text")


def ask_models(
    models: Sequence[str],
    prompts: Sequence[str],
    options: Namespace,
    output: Output,
    hear: Callable[[Event], None] | None = None,
) -> tuple[list[Loaded], list[Answered], End]:
    """Load the models side by side and put every prompt to each; the answers in the order they came.

    `options` holds seed, temperature, max_new_tokens and device. `hear` gets every event.
    """
    task = ChatTask(models=tuple(models), device=options.device, stay=True)
    follower = begin(create_task(task, "Compare"))
    for number, prompt in enumerate(prompts):
        follower.tell(
            Ask(
                prompt=prompt,
                prompt_number=number,
                seed=options.seed,
                temperature=options.temperature,
                max_new_tokens=options.max_new_tokens,
            )
        )
    printer, loaded, answers = EventPrinter(output), list[Loaded](), list[Answered]()
    for event in work_through(follower, output):
        printer.show(event)
        if hear is not None:
            hear(event)
        match event:
            case Loaded():
                loaded.append(event)
            case Answered():
                answers.append(event)
                if len(answers) == len(models) * len(prompts):
                    follower.tell(Cancel())
    printer.close()
    end = follower.end or End("lost")
    is_complete = len(answers) == len(models) * len(prompts)
    return loaded, answers, End("done") if is_complete else end


def comparison(
    models: Sequence[str], prompts: Sequence[str], loaded: Sequence[Loaded], answers: Sequence[Answered]
) -> dict[str, Any]:  # Any: JSON values
    """What was loaded and answered, as `--json` gives it."""
    titles = {event.column: event for event in loaded}
    return {
        "models": [
            {"source": source, **_loaded_values(titles.get(column))} for column, source in enumerate(models)
        ],
        "prompts": list(prompts),
        "answers": [
            {
                "model": models[event.column],
                "column": event.column,
                "prompt": prompts[event.prompt],
                "prompt_number": event.prompt,
                "text": event.text,
                "tokens": event.tokens,
                "seconds": event.seconds,
                "ended": event.ended,
            }
            for event in sorted(answers, key=lambda event: (event.prompt, event.column))
        ],
    }


def print_comparison(values: dict[str, Any], output: Output) -> None:  # Any: JSON values
    """Every prompt with the models' answers below it, and the experts of their tokens where there are some."""
    titles = [model.get("title") or model["source"] for model in values["models"]]
    width = max(len(one_line(title, 30)) for title in titles)
    for number, prompt in enumerate(values["prompts"]):
        output.text(output.bold(clean(prompt)))
        for answer in values["answers"]:
            if answer["prompt_number"] == number:
                title = one_line(titles[answer["column"]], 30).ljust(width)
                output.text(f"  {title}  {clean(answer['text'])}")
                if "experts" in answer:
                    print_experts(answer["experts"], output)


def read_prompts(path: Path) -> list[str]:
    """The prompts in a file: one a line, a JSON list, or JSON Lines with a prompt in each object.

    Raises DataError naming file and line.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}.", "Check the path.") from None
    except UnicodeDecodeError:
        raise DataError(f"{path} is not UTF-8 text.", "Save it as UTF-8.") from None
    if path.suffix in (".json", ".jsonl"):
        prompts = _json_prompts(path, text)
    else:
        prompts = [line.strip() for line in text.splitlines() if line.strip()]
    if not prompts:
        raise DataError(f"{path.name} holds no prompt.", "Write one prompt a line.")
    return prompts


def add_answer_options(parser: ArgumentParser) -> None:
    """Seed, temperature, length and device of generated answers."""
    parser.add_argument("--seed", type=int, default=42, help="the same seed gives the same answers (42)")
    parser.add_argument("--temperature", type=float, default=0.0, help="0 takes the likeliest words (0)")
    parser.add_argument("--max-new-tokens", type=int, default=128, help="where an answer is cut (128)")
    parser.add_argument("--device", default="auto", choices=("auto", "cuda", "mps", "cpu"))


def _compare(options: Namespace, output: Output) -> int:
    _check_answer_options(options)
    prompts = [*options.prompt, *(read_prompts(options.prompts) if options.prompts else [])]
    if not all(prompt.strip() for prompt in prompts or [""]):
        raise JobError("There is no prompt to answer.", "Give --prompt TEXT or --prompts FILE.")
    models = [resolved_model(text, runs_of(options)) for text in options.models]
    heard = HeardExperts()
    loaded, answers, end = ask_models(models, prompts, options, output, heard.hear)
    values = comparison(models, prompts, loaded, answers)
    for answer in values["answers"] if options.experts else ():
        answer["experts"] = heard.values(answer["column"], answer["prompt_number"], answer["text"])
    settings = {"seed": options.seed, "temperature": options.temperature}
    output.result(
        {"status": end.status, "error": end.sentence or None, **values, **settings}
        | {"max_new_tokens": options.max_new_tokens}
    )
    print_comparison(values, output)
    if end.status != "done":
        output.remark(end.sentence or "Stopped.")
    return end.exit_code


def _check_answer_options(options: Namespace) -> None:
    if options.temperature < 0 or options.temperature > 10:
        raise JobError(f"--temperature is {options.temperature:g}.", "Give a number from 0 to 10.")
    if options.max_new_tokens < 1:
        raise JobError(f"--max-new-tokens is {options.max_new_tokens}.", "Give a number above 0.")
    if options.seed < 0:
        raise JobError(f"--seed is {options.seed}.", "Give a number from 0 up.")


def _loaded_values(event: Loaded | None) -> dict[str, Any]:  # Any: JSON values
    if event is None:
        return {}
    return {
        "title": event.title,
        "weights": event.weights,
        "fingerprint": event.fingerprint,
        "parameters": event.parameters,
        "dtype": event.dtype,
    }


def _json_prompts(path: Path, text: str) -> list[str]:
    """Prompts of a JSON list (line 0 stands for the whole file) or of JSON Lines."""
    if path.suffix == ".json":
        values = _parsed(path, text, "")
        if not isinstance(values, list):
            raise DataError(f"{path.name} is not a list.", 'Write ["first prompt", "second prompt"].')
        return [_prompt_of(value, f"{path.name}, entry {n}") for n, value in enumerate(values, 1)]
    lines = [(n, line) for n, line in enumerate(text.split("\n"), 1) if line.strip()]
    return [_prompt_of(_parsed(path, line, f", line {n}"), f"{path.name}, line {n}") for n, line in lines]


def _parsed(path: Path, text: str, where: str) -> object:
    try:
        value: object = json.loads(text)
    except ValueError as error:
        raise DataError(f"{path.name}{where} is not valid JSON: {error}.", "Mend it.") from None
    return value


def _prompt_of(value: object, where: str) -> str:
    if isinstance(value, dict):
        value = next((value[name] for name in _PROMPT_NAMES if name in value), None)
    if not isinstance(value, str) or not value.strip():
        raise DataError(f"{where} holds no prompt.", "Write a text, or an object with 'prompt'.")
    return value


def _compare_options(parser: ArgumentParser) -> None:
    parser.add_argument(
        "models", metavar="MODEL", nargs="+", help="starter, a folder, hub id, run or run@step"
    )
    parser.add_argument("--prompt", action="append", default=[], help="a prompt (can be repeated)")
    parser.add_argument("--prompts", metavar="FILE", type=Path, help="a file of prompts")
    parser.add_argument(
        "--experts",
        action="store_true",
        help="models with experts: also print, for each token of an answer, the first experts that it went to in each "
        "layer (counted from 1; with --json all of them with their weights, and the prompt's shares)",
    )
    add_answer_options(parser)


COMPARE = Verb("compare", "Put the same prompts to several models.", _compare_options, _compare)
