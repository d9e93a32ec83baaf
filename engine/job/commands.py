"""What the worker is told: frozen dataclasses, one a line in a task's `commands.jsonl`."""

from dataclasses import dataclass

from engine.job.events import Message


@dataclass(frozen=True)
class Command(Message):
    """What the worker is told."""


@dataclass(frozen=True)
class Pause(Command):
    """Wait after this update."""


@dataclass(frozen=True)
class Resume(Command):
    """Go on."""


@dataclass(frozen=True)
class Stop(Command):
    """End after this update; `keep` saves what was learned, else the run's results are discarded."""

    keep: bool = True


@dataclass(frozen=True)
class Save(Command):
    """Write a checkpoint now."""


@dataclass(frozen=True)
class Evaluate(Command):
    """Look at the rows kept back now."""


@dataclass(frozen=True)
class Sample(Command):
    """Answer the watched prompts now, or this one."""

    prompt: str = ""


@dataclass(frozen=True)
class Set(Command):
    """Change a value while running: "learning_rate", or, where routers learn, "balance" of their experts."""

    name: str
    value: float


@dataclass(frozen=True)
class Ask(Command):
    """Compare: answer this prompt in every column; `prompt_number` comes back in the pieces."""

    prompt: str
    prompt_number: int
    seed: int = 42
    temperature: float = 0.0
    max_new_tokens: int = 128


@dataclass(frozen=True)
class Show(Command):
    """Inspect: show rows from `start`; `with_tokens` also as the model sees them. `search` filters."""

    start: int
    count: int
    with_tokens: bool = False
    search: str = ""


@dataclass(frozen=True)
class Cancel(Command):
    """End the task and remove what is half done."""
