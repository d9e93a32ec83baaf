"""Compare: columns of models, one prompt at a time, answers as they stream, votes."""

import json
from dataclasses import dataclass, field
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.commands import Ask, Stop
from engine.job.errors import EngineError
from engine.job.events import Answered, Event, Failed, Loaded, Lost, Phase, Piece, Ready
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed
from engine.job.record import read_record, update_record
from engine.job.tasks import ChatTask
from engine.library.runs import split_step
from gui.engine_thread import EngineThread
from gui.state.routes import Mixture, Routing
from gui.state.task import EngineTask

MOST_COLUMNS = 4
SAME = "same"
VOTES_FILE = "votes.jsonl"


@dataclass
class Column:
    """One model and its newest answer. `source` is what the engine opens: "starter", a folder, a run.

    `routings` holds, where the model has experts, where the tokens of each question went, by the question's number;
    `is_coloured` and `layer` (a place in the mixture's layers) how the answer is shown.
    """

    source: str
    title: str
    loaded: Loaded | None = None
    text: str = ""
    answered: Answered | None = None
    mixture: Mixture | None = None
    routings: dict[int, Routing] = field(default_factory=dict)
    is_coloured: bool = False
    layer: int = 0


@dataclass(frozen=True)
class Question:
    """One prompt with every column's answer and the vote: a column's number as text, "same" or ""."""

    prompt: str
    answers: tuple[str, ...]
    vote: str = ""


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn."""

    seed: int = 42
    temperature: float = 0.0
    max_new_tokens: int = 128


class CompareState(QObject):
    """`changed` for columns and status; `piece(column)` when text came; `answered(column)` when complete.

    `routed(column)` when more is known of the experts of its tokens.
    """

    changed = Signal()
    piece = Signal(int)
    answered = Signal(int)
    routed = Signal(int)
    failed = Signal(str, str)

    def __init__(self, engine: EngineThread, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._task = EngineTask(engine, self)
        self._task.told.connect(self._take)
        self._task.refused.connect(self._refuse)
        self.columns: list[Column] = []
        self.history: list[Question] = []
        self.sampling = Sampling()
        self.prompt = ""
        self.is_busy = False
        self.is_running = False
        self.status = ""
        self.run_folder: Path | None = None
        self._number = 0

    def set_models(self, sources: list[tuple[str, str]], run_folder: Path | None = None) -> None:
        """Compare these (source, title) pairs; the engine starts with the first question.

        `run_folder` is the run that the votes belong to.
        """
        if [column.source for column in self.columns] == [source for source, _ in sources]:
            return
        self.close()
        self.run_folder = run_folder
        self.columns = [Column(source, title) for source, title in sources[:MOST_COLUMNS]]
        self.history = []
        self.changed.emit()

    def warm(self) -> None:
        """Start loading the models before the first question, so that it is answered at once."""
        if not self.is_running and self.columns:
            title = "Compare " + ", ".join(column.title for column in self.columns)
            models = tuple(column.source for column in self.columns)
            self.is_running = self._task.start(ChatTask(models=models), title)
            self.status = "loading" if self.is_running else ""
            self.changed.emit()

    def ask(self, prompt: str) -> None:
        """Answer this prompt in every column with the same seed."""
        self.warm()
        if not self.is_running or self.is_busy:
            return
        self._number += 1
        self.prompt = prompt
        self.is_busy = True
        for column in self.columns:
            column.text, column.answered = "", None
            for routing in column.routings.values():
                routing.forget_tokens()
        sampling = self.sampling
        self._task.send(
            Ask(prompt, self._number, sampling.seed, sampling.temperature, sampling.max_new_tokens)
        )
        self.changed.emit()

    def stop(self) -> None:
        """End the answer in progress; what was said stays."""
        self._task.send(Stop())
        self.is_busy = False
        self.changed.emit()

    def close(self) -> None:
        """End the engine's task and free its memory."""
        self._task.close()
        self.is_running = self.is_busy = False
        self.status = ""
        for column in self.columns:
            column.loaded = None

    def routing(self, column: Column) -> Routing | None:
        """Where the tokens of the question that is shown went; None where nothing is known."""
        return column.routings.get(self._number)

    @property
    def is_complete(self) -> bool:
        """Whether every column has answered the prompt."""
        return bool(self.columns) and all(column.answered for column in self.columns)

    def vote(self, choice: str) -> None:
        """Vote for a column's number ("0", "1", ...) or "same"; kept with the run."""
        if not self.is_complete:
            return
        answers = tuple(column.text for column in self.columns)
        question = Question(self.prompt, answers, choice)
        self.history = [old for old in self.history if old.prompt != self.prompt] + [question]
        self._keep_votes()
        self.changed.emit()

    @property
    def current_vote(self) -> str:
        """The vote on the prompt that is shown."""
        return next((old.vote for old in self.history if old.prompt == self.prompt), "")

    def tally(self) -> dict[str, int]:
        """Votes so far, by choice."""
        choices = [*(str(number) for number in range(len(self.columns))), SAME]
        return {choice: sum(old.vote == choice for old in self.history) for choice in choices}

    def preference_rows(self) -> list[dict[str, str]]:
        """The decided votes as rows of preference data."""
        rows = []
        for question in self.history:
            if question.vote in ("", SAME):
                continue
            chosen = int(question.vote)
            rows += [
                {"prompt": question.prompt, "chosen": question.answers[chosen], "rejected": other}
                for number, other in enumerate(question.answers)
                if number != chosen and other != question.answers[chosen]
            ]
        return rows

    def _keep_votes(self) -> None:
        if self.run_folder is None:
            return
        tally = self.tally()
        votes = {"base": tally["0"], SAME: tally[SAME], "run": sum(tally.values()) - tally["0"] - tally[SAME]}
        lines = [
            json.dumps({"prompt": q.prompt, "answers": q.answers, "vote": q.vote}, ensure_ascii=False)
            for q in self.history
        ]
        try:
            read_record(self.run_folder)
            (self.run_folder / VOTES_FILE).write_text("\n".join(lines) + "\n", encoding="utf-8")
            update_record(self.run_folder, votes=votes)
        except EngineError as error:
            self.failed.emit(error.title, error.advice)
        except OSError as error:
            self.failed.emit(f"The votes were not saved: {error.strerror}.", "Check the run's folder.")

    def _refuse(self, title: str, advice: str) -> None:
        self.is_busy = self.is_running = False
        self.status = ""
        self.failed.emit(title, advice)
        self.changed.emit()

    def _take(self, event: Event) -> None:
        match event:
            case Phase(title=title):
                self.status = title
            case Loaded(column=number):
                self.columns[number].loaded = event
            case ExpertsLoaded(column=number, layers=layers, experts=experts):
                self.columns[number].mixture = Mixture(layers, experts)
            case Ready():
                self.status = ""
                self.is_busy = self.is_busy and not self.is_complete
            case Piece(column=number, prompt=prompt, text=text) if prompt == self._number:
                self.columns[number].text += text
                self.piece.emit(number)
                return
            case Routed(column=number, prompt=prompt) | PromptRouted(column=number, prompt=prompt):
                if prompt == self._number:
                    self._take_routes(self.columns[number], event)
                    self.routed.emit(number)
                return
            case Answered(column=number, prompt=prompt, text=text) if prompt == self._number:
                self.columns[number].text = text
                self.columns[number].answered = event
                self.is_busy = not self.is_complete
                self.answered.emit(number)
            case Failed(title=title, advice=advice) | Lost(title=title, advice=advice):
                self._refuse(title, advice)
                return
            case _:
                return
        self.changed.emit()

    def _take_routes(self, column: Column, event: Routed | PromptRouted) -> None:
        routing = column.routings.setdefault(event.prompt, Routing(self.prompt))
        match event:
            case Routed(first=first, tokens=tokens):
                routing.take(first, tokens)
            case PromptRouted(counts=counts):
                routing.counts = counts


def run_source(folder: Path, step: int | None = None) -> str:
    """How a run, or one of its checkpoints, is named as a column's source."""
    return str(folder) if step is None else f"{folder}@{step}"


def run_of_source(source: str) -> Path | None:
    """The run folder of a column's source, None when it is a model."""
    path = Path(split_step(source)[0])
    return path if (path / "run.json").exists() else None
