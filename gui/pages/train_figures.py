"""The five figures above the charts, chosen by the kind of method and by whether routers learn."""

from PySide6.QtWidgets import QHBoxLayout, QWidget

from engine.job.events import Step
from gui.state.live_run import LiveRun
from gui.state.words import count_words, number_words, rate_words, size_words
from gui.widgets.stat import Stat

RECENT = 10
EVEN, UNEVEN = 1.1, 1.5  # balance loss against its even value: well shared below, badly above


class TrainFigures(QWidget):
    """Loss, validation, speed, learning rate, memory; for preferences accuracy and margin instead of two.

    Where routers learn, how evenly experts are used stands third, and the learning rate on its chart alone.
    """

    def __init__(self, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self._is_preference = run.job is not None and run.job.method_card.family == "preference"
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(12)
        if self._is_preference:
            labels = (self.tr("Picks the chosen answer"), self.tr("Reward margin"), self.tr("Loss"))
        else:
            labels = (self.tr("Training loss"), self.tr("Validation loss"), self.tr("Speed"))
        self.stats = [Stat(label) for label in (*labels, self.tr("Learning rate"), self.tr("Memory"))]
        self.shared = self._shared_stat() if run.has_experts else None
        shown = list(self.stats)
        if self.shared is not None:
            shown = [*shown[:2], self.shared, shown[2], shown[4]]
            self.stats[3].setParent(self)
            self.stats[3].hide()
        for stat in shown:
            row.addWidget(stat, 1)

    def refresh(self) -> None:
        """Follow the run."""
        step = self._run.last_step
        if step is None:
            return
        if self._is_preference:
            self._show_preference(step)
        else:
            self._show_loss(self.stats[0])
            self._show_validation(self.stats[1])
            self.stats[2].set(count_words(step.tokens_per_second), self.tr("tokens per second"))
        self.stats[3].set(rate_words(step.learning_rate), self._schedule_words(step))
        if self.shared is not None:
            self._show_shared(self.shared)
        highest = max(found.memory for found in self._run.steps)
        self.stats[4].set(size_words(step.memory), self.tr("highest {size}").format(size=size_words(highest)))

    def _show_preference(self, step: Step) -> None:
        accuracy = step.metrics.get("accuracy")
        shown = "–" if accuracy is None else f"{accuracy:.0%}".replace("%", " %")
        self.stats[0].set(
            shown, self.tr("accuracy, 50 % is guessing"), "good" if (accuracy or 0) > 0.5 else ""
        )
        margins = [found.metrics.get("reward_margin") or 0.0 for found in self._run.steps]
        is_rising = len(margins) > RECENT and _mean(margins[-RECENT:]) > _mean(margins[:RECENT])
        words = self.tr("rising") if is_rising else self.tr("not rising yet")
        self.stats[1].set(
            number_words(step.metrics.get("reward_margin"), 2),
            words,
            *(("good", "up") if is_rising else ("", "")),
        )
        self._show_loss(self.stats[2])

    def _show_loss(self, stat: Stat) -> None:
        losses = [step.loss for step in self._run.steps if step.loss is not None]
        if not losses:
            return
        recent = _mean(losses[-RECENT:])
        change = recent - losses[0]
        if len(losses) < 2:
            stat.set(number_words(losses[-1]))
            return
        words = self.tr("{change} since the start").format(change=number_words(abs(change), 2))
        stat.set(number_words(recent), words, *(("good", "down") if change < 0 else ("warn", "up")))

    def _show_validation(self, stat: Stat) -> None:
        found = [event for event in self._run.evaluations if event.loss is not None]
        if not found:
            has_rows = self._run.prepared is None or self._run.prepared.rows_validation > 0
            stat.set("–", self.tr("not yet") if has_rows else self.tr("no rows kept back"))
            return
        best = min(found, key=lambda event: event.loss or 0.0)
        if best is found[-1]:
            stat.set(
                number_words(best.loss), self.tr("best so far, step {step}").format(step=best.step), "good"
            )
        else:
            words = self.tr("best was {loss}, step {step}").format(
                loss=number_words(best.loss), step=best.step
            )
            stat.set(number_words(found[-1].loss), words, "warn")

    def _shared_stat(self) -> Stat:
        stat = Stat(self.tr("How evenly shared"))
        stat.setToolTip(
            self.tr(
                "The balance loss. It is lowest when every expert gets as many tokens as the others; then it is the "
                "number of experts that each token goes through."
            )
        )
        return stat

    def _show_shared(self, stat: Stat) -> None:
        values = [step.metrics.get("balance") for step in self._run.steps[-RECENT:]]
        known = [value for value in values if value is not None]
        if not known or not self._run.routing:
            return
        even, balance = self._run.routing[-1].uniform, _mean(known)
        words = self.tr("balance loss, {value} is even").format(value=number_words(even, 2))
        tone = "good" if balance <= EVEN * even else "warn" if balance > UNEVEN * even else ""
        stat.set(number_words(balance, 2), words, tone)

    def _schedule_words(self, step: Step) -> str:
        job = self._run.job
        if job is None:
            return ""
        if step.step <= job.train.warmup * step.steps:
            return self.tr("gentle start (warm-up)")
        names = {
            "cosine": self.tr("cosine, easing down"),
            "linear": self.tr("linear, going down"),
            "constant": self.tr("constant"),
        }
        return names[job.train.schedule]


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
