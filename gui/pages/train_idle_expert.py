"""The notice about experts that are nearly idle, with a button that balances more strongly."""

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QVBoxLayout, QWidget

from gui.state.live_run import LiveRun
from gui.state.routing import RECENT, stronger
from gui.widgets.notice import Notice, NoticeHost

_KEY = "idle"


class IdleExpert(QWidget):
    """`raised(float)` with the new weight of balance. After a change it waits until its effect can be seen."""

    raised = Signal(float)

    def __init__(self, run: LiveRun, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._run = run
        self._asked: float | None = None  # the weight before the change that was asked for
        self._shown: tuple[str, bool] = ("", False)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self.host = NoticeHost()
        layout.addWidget(self.host)
        self.refresh()

    def refresh(self) -> None:
        """Follow the run; the notice is only made anew when it says something else."""
        if self._asked is not None and self._asked != self._run.balance_weight:
            self._asked = None
        shown = self._words()
        if shown == self._shown:
            return
        self._shown = shown
        words, has_button = shown
        self.setVisible(bool(words))
        if not words:
            self.host.clear()
            return
        actions = ((self.tr("Raise it"), self._raise),) if has_button else ()
        self.host.show_notice(_KEY, Notice("warn", words, "", actions))

    def text(self) -> str:
        """What the notice says, "" where there is none."""
        return self._shown[0]

    def has_button(self) -> bool:
        """Whether it offers to balance more strongly."""
        return self._shown[1]

    def _words(self) -> tuple[str, bool]:
        run = self._run
        dead = run.routing[-1].dead if run.routing else ()
        if not dead:
            return "", False
        layer, expert = dead[0]
        first = self.tr("Layer {layer}, expert {expert}").format(layer=layer + 1, expert=expert + 1)
        idle = self.tr("{expert} is nearly idle.").format(expert=first)
        if len(dead) > 1:
            idle = self.tr("{count} experts are nearly idle.").format(count=len(dead))
        weight = run.balance_weight
        if not run.is_active:
            return f"{idle} {self.tr('Balance more strongly in the next run.')}", False
        if self._asked is not None:
            return f"{idle} {self.tr('Balance is raised with the next step.')}", False
        since = self._steps_since_change()
        if since is not None and since < RECENT:
            words = self.tr("Balance is now {weight}; whether it helps shows in about {steps} steps.")
            return f"{idle} {words.format(weight=f'{weight:g}', steps=RECENT - since)}", False
        if stronger(weight) is None:
            return f"{idle} {self.tr('Balance cannot be raised further; use fewer experts.')}", False
        return f"{idle} {self.tr('Balance more strongly?')}", run.status in ("running", "paused")

    def _steps_since_change(self) -> int | None:
        changed, step = self._run.balance_changed, self._run.last_step
        if changed is None or step is None:
            return None
        return step.step - changed.step

    def _raise(self) -> None:
        weight = self._run.balance_weight
        more = stronger(weight)
        if more is None:
            return
        self._asked = weight
        self.refresh()
        self.raised.emit(more)
