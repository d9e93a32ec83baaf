"""What happens between two updates: commands heard, progress told, checks, samples, checkpoints, pauses."""

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from engine.job.changing import change_problem, field_of
from engine.job.channel import Desk
from engine.job.commands import Command, Evaluate, Pause, Resume, Sample, Save, Set, Stop
from engine.job.errors import ResourceError
from engine.job.events import Changed, Continued, Evaluated, Paused, Phase, Remark, Step
from engine.train.looking import Checker, Sampler
from engine.train.memory import MemoryGauge
from engine.train.saving import Keeper
from engine.train.signs import Signs
from engine.train.state import Correction, State

_POLL = 0.05  # seconds between two looks at the commands during a pause
_RETRY_DISK = 10.0  # seconds between two tries to save when the disk was full


@dataclass(frozen=True)
class Rhythm:
    """Every how many steps to look at the rows kept back and to answer the watched prompts."""

    evaluate_every: int
    sample_every: int


class Between:
    """Everything that is not the update itself. `stop` is the stop that was heard."""

    def __init__(
        self,
        *,
        state: State,
        rhythm: Rhythm,
        checker: Checker,
        sampler: Sampler,
        keeper: Keeper,
        gauge: MemoryGauge,
        signs: Signs,
        desk: Desk,
    ) -> None:
        self.stop: Stop | None = None
        self._state, self._rhythm, self._desk = state, rhythm, desk
        self._checker, self._sampler, self._keeper = checker, sampler, keeper
        self._gauge, self._signs = gauge, signs
        self._inbox = deque[Command]()
        self._is_paused = False
        self._is_under_way = False
        self._owes_start = False

    def begin(self) -> None:
        """Before the first update: what the model answers untrained, unless it can tell that as well afterwards."""
        is_fresh = self._state.step == 0
        if is_fresh and not self._sampler.can_go_back:
            self._sampler.sample(0, self._is_stop_asked)
        self._owes_start = is_fresh and self._sampler.can_go_back

    def may_go_on(self, catch_up: Callable[[], None]) -> bool:
        """Obey all commands; False when one was to stop. While paused, wait here and still obey.

        `catch_up` is called before the first: what they see and save is the last update begun.
        """
        while True:
            self._listen()
            if self._inbox:
                catch_up()
            while self._inbox and self.stop is None:
                self._obey(self._inbox.popleft())
            if self.stop is not None or not self._is_paused:
                return self.stop is None
            time.sleep(_POLL)

    def told(self, correction: Correction) -> None:
        """After an update: tell it. `state.step` is its number."""
        state, total = self._state, correction.total
        metrics = self._signs.told(total.metrics, state.step - 1)
        state.first_loss = total.loss if state.first_loss is None else state.first_loss
        state.last_loss = total.loss
        state.tokens += correction.tokens
        state.seconds += correction.seconds
        if not self._is_under_way:
            self._is_under_way = True
            self._desk.tell(Phase("training", "Training"))
        self._desk.tell(
            Step(
                step=state.step,
                steps=state.steps,
                epoch=correction.epoch,
                loss=total.loss,
                learning_rate=correction.rate,
                gradient_norm=correction.norm,
                tokens=correction.tokens,
                tokens_per_second=correction.tokens / max(correction.seconds, 1e-9),
                memory=self._gauge.read(),
                seconds=correction.seconds,
                rows=tuple(example.number for example in correction.examples),
                metrics=metrics,
            )
        )
        self._signs.heed(metrics, state.step)

    def is_due(self, step: int) -> bool:
        """Whether to look around after this update."""
        return (
            self._owes_start or self._is_check_due(step) or self._is_sample_due(step) or self._keeper.is_due
        )

    def look(self) -> None:
        """Check, sample and save where it is time to; all that was begun has been told."""
        state = self._state
        if self._owes_start:
            self._owes_start = False
            self._sampler.sample(0, self._is_stop_asked)
        if self._is_check_due(state.step):
            self._evaluate()
        if self._is_sample_due(state.step):
            self._sampler.sample(state.step, self._is_stop_asked)
        if self._keeper.is_due and state.step < state.steps:
            self.save("time")

    def save(self, reason: str) -> None:
        """Write a checkpoint; when the disk is full, pause and try again until it works or a stop is heard."""
        was_full = False
        while True:
            try:
                self._keeper.save(reason)
            except ResourceError as error:
                if not was_full:
                    self._desk.tell(Remark("warn", error.title, error.advice, self._state.step))
                    self._desk.tell(Paused(self._state.step))
                was_full = True
                if not self._wait_for_space():
                    return
            else:
                if was_full:
                    self._desk.tell(Continued(self._state.step))
                return

    def _is_check_due(self, step: int) -> bool:
        return step == self._state.steps or step % self._rhythm.evaluate_every == 0

    def _is_sample_due(self, step: int) -> bool:
        return step == self._state.steps or step % self._rhythm.sample_every == 0

    def _listen(self) -> None:
        self._inbox.extend(self._desk.heard())

    def _is_stop_asked(self) -> bool:
        """Whether a stop waits: lets long looks end early. The command itself is obeyed between updates."""
        self._listen()
        return any(isinstance(command, Stop) for command in self._inbox)

    def _obey(self, command: Command) -> None:
        match command:
            case Stop():
                self.stop = command
            case Pause() if not self._is_paused:
                self._is_paused = True
                self._desk.tell(Paused(self._state.step))
            case Resume() if self._is_paused:
                self._is_paused = False
                self._desk.tell(Continued(self._state.step))
            case Save():
                self.save("asked")
            case Evaluate():
                self._evaluate()
            case Sample(prompt=prompt):
                self._sampler.sample(self._state.step, self._is_stop_asked, prompt)
            case Set(name=name, value=value):
                self._set(name, value)

    def _set(self, name: str, value: float) -> None:
        field = field_of(name)
        problem = change_problem(field, value, self._state.balance is not None)
        if problem:
            title = f"'{name}' was not changed to {value:g}."
            self._desk.tell(Remark("warn", title, problem, self._state.step))
            return
        setattr(self._state, field, value)
        self._desk.tell(Changed(self._state.step, field, value))

    def _evaluate(self) -> None:
        total = self._checker.check(self._is_stop_asked)
        if total is None:
            return
        state = self._state
        is_best = state.step > 0 and (state.best_loss is None or total.loss < state.best_loss)
        if is_best:
            state.best_loss, state.best_step = total.loss, state.step
        metrics = self._signs.told(total.metrics, state.step)
        self._desk.tell(Evaluated(state.step, total.loss, len(self._checker.rows), is_best, metrics))
        self._signs.heed_check(metrics, state.step)
        if is_best and self._keeper.keeps_best:
            self.save("best")

    def _wait_for_space(self) -> bool:
        """Wait for a Resume or some seconds; False when a stop was heard instead."""
        until = time.monotonic() + _RETRY_DISK
        while time.monotonic() < until:
            if self._is_stop_asked():
                return False
            if any(isinstance(command, Resume) for command in self._inbox):
                self._inbox = deque(c for c in self._inbox if not isinstance(c, Resume))
                return True
            time.sleep(_POLL)
        return True
