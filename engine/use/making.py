"""One export while it is being made: what its parts share, and what a format's function hands back."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from engine.job.channel import Desk
from engine.job.events import Phase, Progress
from engine.job.tasks import ExportTask
from engine.library.models import ModelInfo
from engine.models.generate import Prompt
from engine.use.card import write_card
from engine.use.hearing import Ears
from engine.use.open import Bases, Opened
from engine.use.places import Place
from engine.use.receipt import Expected
from engine.use.stranger import Export
from engine.use.trial import Trial, try_out

_TRIAL_SECONDS = 40.0  # of asking one model; a slow one is asked fewer prompts
_TRIAL_TOKENS = 64


@dataclass(frozen=True)
class Work:
    """One export while it is being made. `part` is the folder to write into, `kind` the chosen precision."""

    task: ExportTask
    desk: Desk
    ears: Ears
    place: Place
    base: ModelInfo
    part: Path
    kind: str
    prompts: list[Prompt]
    bases: Bases

    def phase(self, name: str, title: str) -> None:
        """Tell that a stage begins; a good moment to be cancelled."""
        self.ears.obey()
        self.desk.tell(Phase(name=name, title=title))

    def progress(self, title: str, unit: str) -> Callable[[int, int], None]:
        """A function that tells how far this piece of work is, each figure once."""
        told: list[int] = []

        def tell(done: int, total: int) -> None:
            if told and told[-1] == done:
                return
            told.append(done)
            self.desk.tell(Progress(title=title, done=done, total=total, unit=unit))

        return tell

    def write_card(self, form: str, precision: str, loading: str) -> None:
        """Write the model card where it was asked for; `loading` is the code that opens the export."""
        if self.task.card:
            write_card(self.part, self.place, base=self.base, kind=form, precision=precision, loading=loading)

    def ask(self, opened: Opened) -> Trial:
        """The model's answers to the prompts."""
        return try_out(opened, self.prompts, self.tokens, _TRIAL_SECONDS, self.ears.obey)

    @property
    def tokens(self) -> int:
        """Where an answer is cut."""
        return self.place.job.watch.sample_tokens if self.place.job else _TRIAL_TOKENS


@dataclass(frozen=True)
class Written:
    """What an export function wrote: what the stranger opens, what it should find, and the weights' mark."""

    export: Export
    expected: Expected
    fingerprint: str
