"""One training run as it is watched: a replay of its events, nothing else."""

import time
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from engine.job.errors import EngineError
from engine.job.events import (
    Changed,
    Continued,
    Evaluated,
    Event,
    Failed,
    Finished,
    Lost,
    Paused,
    Phase,
    Prepared,
    Progress,
    Remark,
    Sampled,
    Saved,
    Started,
    Step,
    Trained,
)
from engine.job.expert_events import Routing
from engine.job.job import Job, read_job
from engine.job.record import RunRecord, read_record


@dataclass(frozen=True)
class PhaseTime:
    """A phase with its start and, once the next began, its length; seconds."""

    name: str
    title: str
    began: float
    seconds: float | None = None


class LiveRun(QObject):
    """What a run has told so far. `changed` after every batch of events; the others as they come.

    `status`: "waiting" (queued), "starting", "running", "pausing", "paused", "stopping", "done", "stopped",
    "discarded", "failed" or "lost". `is_replay`: the folder holds a history that is shown again, so that what
    ended before now is no news; with `awaits_start` a worker is about to go on from there.
    """

    changed = Signal()
    stepped = Signal(list)  # list[Step]: the new steps
    evaluated = Signal(object)  # Evaluated
    sampled = Signal(object)  # Sampled
    saved = Signal(object)  # Saved
    routed = Signal(object)  # Routing
    told = Signal(object)  # Remark, Changed, Paused, Continued: for the list of events
    ended = Signal()

    def __init__(
        self,
        folder: Path,
        parent: QObject | None = None,
        *,
        is_replay: bool = False,
        awaits_start: bool = False,
    ) -> None:
        super().__init__(parent)
        self._since = time.time() if is_replay else 0.0
        self._awaits_start = awaits_start
        self.folder = folder
        self.job: Job | None = None
        self.record: RunRecord | None = None
        self.newest_time = 0.0
        self.refresh()
        self._reset()

    def refresh(self) -> None:
        """Read job and record again (a rename, notes)."""
        try:
            self.job = read_job(self.folder / "job.toml")
            self.record = read_record(self.folder)
        except EngineError:  # the folder was removed or is damaged: the page says so from the status
            self.record = None

    @property
    def name(self) -> str:
        """What the run is called."""
        return self.record.name if self.record else self.folder.name

    @property
    def is_active(self) -> bool:
        """True while a worker is, or should be, on it."""
        return self.status in ("waiting", "starting", "running", "pausing", "paused", "stopping")

    @property
    def last_step(self) -> Step | None:
        """The newest update."""
        return self.steps[-1] if self.steps else None

    @property
    def share_done(self) -> float:
        """Part of the run that is done, 0 to 1."""
        step = self.last_step
        return step.step / max(1, step.steps) if step else 0.0

    @property
    def seconds_left(self) -> float | None:
        """Estimated from the recent updates; None before the third."""
        if len(self.steps) < 3 or self.status not in ("running", "pausing"):
            return None
        recent = self.steps[-20:]
        each = sum(step.seconds for step in recent) / len(recent)
        return each * (recent[-1].steps - recent[-1].step)

    @property
    def seconds_so_far(self) -> float:
        """Time from the first event to the newest."""
        return max(0.0, self.newest_time - self.began) if self.began else 0.0

    @property
    def has_experts(self) -> bool:
        """Whether routers learn in it, so that there is something to watch."""
        return self.job.learns_routing if self.job else bool(self.routing)

    @property
    def balance_weight(self) -> float:
        """How strongly the balance between experts counts now."""
        if self._weight is not None:
            return self._weight
        return float(self.job.moe.settings.balance) if self.job else 0.0

    def apply(self, events: list[Event]) -> None:
        """Take new events in, in their order."""
        steps = []
        was_active = self.is_active
        for event in events:
            if isinstance(event, Step):
                steps.append(event)
            self._apply(event)
            self.newest_time = max(self.newest_time, event.time)
        if self._awaits_start:
            self._wait_for_start()
        if steps:
            self.stepped.emit(steps)
        self.changed.emit()
        if was_active and not self.is_active:
            self.refresh()
            if self.newest_time >= self._since:
                self.ended.emit()

    def expect(self, status: str) -> None:
        """Show at once what was just asked for ("pausing", "stopping")."""
        self.status = status
        self.changed.emit()

    def _reset(self) -> None:
        self.status = "starting"
        self.began = 0.0
        self.newest_time = 0.0
        self.phases: list[PhaseTime] = []
        self.prepared: Prepared | None = None
        self.progress: Progress | None = None
        self.steps: list[Step] = []
        self.evaluations: list[Evaluated] = []
        self.samples: list[Sampled] = []
        self.routing: list[Routing] = []
        self.balance_changed: Changed | None = None
        self._weight: float | None = None
        self.checkpoints: list[Saved] = []
        self.log: list[Event] = []
        self.failure: Failed | Lost | None = None
        self.result: Trained | None = None

    def _apply(self, event: Event) -> None:
        match event:
            case Started(resumed_from=resumed):
                self._begin(event, resumed)
            case Phase():
                self._phase(event)
            case Prepared():
                self.prepared = event
                self.log.append(event)
            case Progress():
                self.progress = event
            case Step():
                self._step(event)
            case Evaluated() | Sampled() | Routing():
                self._look(event)
            case Saved():
                self.checkpoints.append(event)
                self.log.append(event)
                self.saved.emit(event)
            case Paused() | Continued():
                self.status = "paused" if isinstance(event, Paused) else "running"
                self.log.append(event)
                self.told.emit(event)
            case Remark() | Changed():
                self._note(event)
            case Trained():
                self.result = event
            case _:
                self._end(event)

    def _wait_for_start(self) -> None:
        """What the history ended with is over: a worker is about to go on."""
        self.status, self.failure = "starting", None

    def _begin(self, event: Started, resumed_from: int) -> None:
        """A fresh start, or going on from a checkpoint: later steps of the earlier try are dropped."""
        if event.time >= self._since:
            self._awaits_start = False
        if not self.began:
            self.began = event.time
        else:  # the time between two tries is not part of the run
            self.began += max(0.0, event.time - self.newest_time)
        self.status, self.failure, self.phases = "starting", None, []
        self.steps = [step for step in self.steps if step.step <= resumed_from]
        self.evaluations = [found for found in self.evaluations if found.step <= resumed_from]
        self.routing = [told for told in self.routing if told.step <= resumed_from]
        self._weight = self.routing[-1].weight if self.routing else None
        if self.balance_changed is not None and self.balance_changed.step > resumed_from:
            self.balance_changed = None  # it was made after the checkpoint
        self.log.append(event)

    def _step(self, event: Step) -> None:
        while self.steps and self.steps[-1].step >= event.step:
            self.steps.pop()  # a damaged checkpoint was passed over: these are learned again
        self.steps.append(event)
        while self.routing and self.routing[-1].step > event.step:
            self.routing.pop()
        self.status = "running" if self.status == "starting" else self.status

    def _look(self, event: Evaluated | Sampled | Routing) -> None:
        """What was found out about the model beside its loss."""
        match event:
            case Evaluated():
                self.evaluations.append(event)
                self.evaluated.emit(event)
            case Sampled():
                self.samples.append(event)
                self.sampled.emit(event)
            case Routing():
                while self.routing and self.routing[-1].step >= event.step:
                    self.routing.pop()
                self.routing.append(event)
                self._weight = event.weight if event.weight is not None else self._weight
                self.routed.emit(event)

    def _note(self, event: Remark | Changed) -> None:
        if isinstance(event, Changed) and event.name == "balance":
            self.balance_changed, self._weight = event, event.value
        self.log.append(event)
        self.told.emit(event)

    def _phase(self, event: Phase) -> None:
        if self.phases and self.phases[-1].seconds is None:
            last = self.phases[-1]
            self.phases[-1] = PhaseTime(last.name, last.title, last.began, event.time - last.began)
        self.phases.append(PhaseTime(event.name, event.title, event.time))
        self.progress = None

    def _end(self, event: Event) -> None:
        if isinstance(event, Failed | Lost):
            self.failure = event
            self.status = "failed" if isinstance(event, Failed) else "lost"
            self.log.append(event)
        elif isinstance(event, Finished):
            self.status = event.outcome
            self.log.append(event)
