"""What a run came to: gathered from its events, printed as a few lines or as one JSON object."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from engine.cli.follow import End
from engine.cli.output import Output, one_line
from engine.cli.progress import number
from engine.job.events import Evaluated, Event, Failed, Prepared, Sampled, Step, Trained
from engine.job.record import read_record
from engine.library.arithmetic import time_words


@dataclass
class Summary:
    """The result of a training run, as far as it got."""

    folder: Path
    losses: list[float | None] = field(default_factory=list)
    samples: dict[str, list[str]] = field(default_factory=dict)
    step: Step | None = None
    prepared: Prepared | None = None
    evaluated: Evaluated | None = None
    trained: Trained | None = None
    failed: Failed | None = None

    def add(self, event: Event) -> None:
        """Take an event into account."""
        match event:
            case Step(loss=loss):
                self.step = event
                self.losses.append(loss)
            case Prepared():
                self.prepared = event
            case Evaluated():
                self.evaluated = event
            case Sampled(prompt=prompt, answer=answer):
                self.samples.setdefault(prompt, []).append(answer)
            case Trained():
                self.trained = event
            case Failed():
                self.failed = event

    def values(self, end: End) -> dict[str, Any]:  # Any: JSON values
        """The result for `--json`."""
        trained, step, prepared = self.trained, self.step, self.prepared
        return {
            "run": str(self.folder),
            "name": read_record(self.folder).name,
            "status": end.status,
            "step": trained.step if trained else (step.step if step else 0),
            "steps": trained.steps if trained else (prepared.steps if prepared else None),
            "first_loss": trained.first_loss if trained else (self.losses[0] if self.losses else None),
            "last_loss": trained.last_loss if trained else (step.loss if step else None),
            "best_loss": trained.best_loss if trained else None,
            "best_step": trained.best_step if trained else None,
            "validation_loss": self.evaluated.loss if self.evaluated else None,
            "metrics": dict(step.metrics) if step else {},
            "losses": self.losses,
            "tokens": trained.tokens if trained else None,
            "seconds": trained.seconds if trained else None,
            "device": prepared.device if prepared else None,
            "dtype": prepared.dtype if prepared else None,
            "rows": prepared.rows_train if prepared else None,
            "parameters": prepared.parameters if prepared else None,
            "parameters_trained": prepared.parameters_trained if prepared else None,
            "adapter": self.adapter,
            "samples": self.samples,
            "error": end.sentence or None,
            "input_error": end.input_error,
        }

    @property
    def adapter(self) -> str | None:
        """The folder of the result, None when there is none."""
        if self.trained is None or not self.trained.adapter:
            return None
        return str(self.folder / self.trained.adapter)

    def report(self, end: End, output: Output) -> None:
        """Print the result: facts to standard output, what went wrong to standard error."""
        values = self.values(end)
        output.result(values)
        facts: list[tuple[str, object]] = [("Run", values["run"]), ("Status", values["status"])]
        facts.append(("Steps", f"{values['step']} of {values['steps'] or '?'}"))
        facts.append(("Loss", f"{number(values['first_loss'])} -> {number(values['last_loss'])}"))
        if self.trained is not None:
            facts.append(("Tokens", f"{self.trained.tokens:,} in {time_words(self.trained.seconds)}"))
        if self.adapter:
            facts.append(("Result", self.adapter))
        output.facts(facts)
        self._report_samples(output)
        if end.sentence:
            output.remark(end.sentence)

    def _report_samples(self, output: Output) -> None:
        for prompt, answers in self.samples.items():
            output.text(output.bold(one_line(prompt, 100)))
            output.text(f"  before  {one_line(answers[0], 160)}")
            output.text(f"  after   {one_line(answers[-1], 160)}")
