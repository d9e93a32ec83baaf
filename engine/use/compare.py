"""The task "chat": several models answer the same prompts, column after column, and wait for more."""

import time
from collections.abc import Callable

from engine.job.channel import Desk
from engine.job.commands import Ask
from engine.job.errors import InputError, JobError
from engine.job.events import Answered, Loaded, Phase, Piece, Ready, Remark
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed
from engine.job.tasks import ChatTask
from engine.models.generate import Answer, generate
from engine.models.routes import RouteWatch, expert_layers
from engine.use.hearing import Ears
from engine.use.open import Bases, Opened, open_model

IDLE_SECONDS = 15 * 60.0
_LOOK_SECONDS = 0.05
_PIECE_SECONDS = 0.05


def chat(task: ChatTask, desk: Desk, idle_seconds: float = IDLE_SECONDS) -> None:
    """Load the models, tell `Loaded` for each column, then answer `Ask` commands.

    `Ready` is told whenever nothing is left to do. `Stop` ends the answers in hand; `Cancel` ends the task. It
    also ends when its folder is gone, after `idle_seconds` without a question, and, where `stay` is off, once
    the questions so far are answered. Raises EngineError when a model cannot be opened.
    """
    if not task.models:
        raise JobError("'chat.models' is empty.", "Name at least one model to answer.")
    ears = Ears(desk)
    columns = _load(task, desk, ears)
    since = time.monotonic()
    desk.tell(Ready())
    while not ears.is_cancelled and desk.folder.is_dir() and time.monotonic() - since < idle_seconds:
        ears.listen(now=True)
        if _answer_all(columns, desk, ears):
            since = time.monotonic()
            desk.tell(Ready())
            if not task.stay:
                return
        time.sleep(_LOOK_SECONDS)


def _load(task: ChatTask, desk: Desk, ears: Ears) -> list[Opened]:
    bases: Bases = {}
    columns = []
    for column, source in enumerate(task.models):
        ears.obey()
        desk.tell(Phase(name="model", title=f"Loading model {column + 1} of {len(task.models)}"))
        opened = open_model(source, task.device, bases=bases)
        columns.append(opened)
        desk.tell(
            Loaded(
                column=column,
                title=opened.title,
                weights=opened.weights,
                fingerprint=opened.fingerprint,
                parameters=opened.parameters,
                dtype=opened.loaded.dtype,
            )
        )
        found = expert_layers(opened.model)
        if found.experts:
            desk.tell(ExpertsLoaded(column, found.experts, found.top_k, found.layers))
    return columns


def _answer_all(columns: list[Opened], desk: Desk, ears: Ears) -> bool:
    """Answer what was asked, in every column; whether there was anything."""
    asked = False
    for ask in ears.questions():
        asked = True
        for column, opened in enumerate(columns):
            if ears.wants_quiet():
                break
            answer = _answer(opened, column, ask, desk, ears)
            desk.tell(
                Answered(
                    column=column,
                    prompt=ask.prompt_number,
                    text=answer.text,
                    tokens=answer.tokens,
                    seconds=answer.seconds,
                    ended=answer.ended,
                )
            )
    return asked


def _answer(opened: Opened, column: int, ask: Ask, desk: Desk, ears: Ears) -> Answer:
    """One column's answer. A prompt that this model cannot take is told, and answered by nothing."""
    pieces = _Pieces(lambda text: desk.tell(Piece(column=column, prompt=ask.prompt_number, text=text)))
    try:
        answer = generate(
            opened.model,
            opened.tokenizer,
            ask.prompt,
            seed=ask.seed,
            temperature=ask.temperature,
            max_new_tokens=ask.max_new_tokens,
            end_ids=opened.end_ids,
            on_text=pieces.add,
            stopped=ears.wants_quiet,
            routes=_routes(opened, column, ask, desk),
        )
    except InputError as error:
        desk.tell(Remark(tone="warn", title=f"{opened.title}: {error.title}", advice=error.advice))
        return Answer("", 0, 0.0, False)
    pieces.flush()
    return answer


def _routes(opened: Opened, column: int, ask: Ask, desk: Desk) -> RouteWatch | None:
    """What tells the experts of a column's tokens; None where its model has none."""
    if not expert_layers(opened.model).experts:
        return None
    number = ask.prompt_number
    return RouteWatch(
        lambda tokens, counts: desk.tell(PromptRouted(column, number, tokens, counts)),
        lambda first, routes: desk.tell(Routed(column, number, first, routes)),
    )


class _Pieces:
    """Gathers text so that at most twenty events a second are told."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._text = ""
        self._told = float("-inf")

    def add(self, text: str) -> None:
        self._text += text
        if time.monotonic() - self._told >= _PIECE_SECONDS:
            self.flush()

    def flush(self) -> None:
        if self._text:
            self._tell(self._text)
            self._text, self._told = "", time.monotonic()
