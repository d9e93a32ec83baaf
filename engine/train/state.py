"""What moves while a run trains, and one update's report."""

from dataclasses import asdict, dataclass, field, fields
from typing import Any

from engine.methods.loss import Totals
from engine.train.batches import Example


@dataclass
class State:
    """Where a run stands: everything beside tensors that a checkpoint needs.

    The position in the data and the learning rate follow from `step`; `learning_rate` is the schedule's peak.
    `balance` is the weight of the balance loss, None where no router learns. `tokens` and `seconds` count updates alone.
    `memory` is what a method remembers from one update to the next.
    """

    steps: int
    learning_rate: float
    step: int = 0
    first_loss: float | None = None
    last_loss: float | None = None
    best_loss: float | None = None
    best_step: int | None = None
    tokens: int = 0
    seconds: float = 0.0
    balance: float | None = None
    memory: dict[str, float] = field(default_factory=dict)

    def plain(self) -> dict[str, Any]:  # Any: JSON values
        """As JSON values."""
        return asdict(self)

    def restore(self, values: dict[str, Any]) -> None:  # Any: JSON values
        """Take over what a checkpoint holds."""
        for each in fields(self):
            if each.name not in ("memory", "balance"):
                setattr(self, each.name, values[each.name])
        self.balance = values.get("balance", self.balance)  # older checkpoints: as the job has it
        self.memory.clear()  # the method holds on to this very table
        self.memory.update(values.get("memory", {}))


@dataclass(frozen=True)
class Correction:
    """One update: mean loss and metrics, learning rate, gradient norm before clipping, wall seconds."""

    total: Totals
    rate: float
    norm: float
    epoch: float
    examples: list[Example]
    seconds: float

    @property
    def tokens(self) -> int:
        """Real tokens that went through the model."""
        return sum(example.tokens for example in self.examples)
