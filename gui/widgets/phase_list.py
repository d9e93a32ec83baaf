"""The phases before the first step, ticking off with their times."""

from collections.abc import Sequence

from PySide6.QtCore import QLocale
from PySide6.QtWidgets import QHBoxLayout, QStackedLayout, QVBoxLayout, QWidget

from gui.widgets.icon_label import IconLabel, Spinner
from gui.widgets.labels import Label

_ICONS = {"waiting": ("circle", "muted"), "done": ("circle-check", "good"), "failed": ("circle-alert", "bad")}


class PhaseList(QWidget):
    """`phases` are (key, words) pairs; `set_phase(key, state, seconds)`, state: waiting, active, done or failed."""

    def __init__(self, phases: Sequence[tuple[str, str]], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(8)
        self._rows = {key: _Phase(words) for key, words in phases}
        for row in self._rows.values():
            layout.addWidget(row)

    def set_phase(self, key: str, state: str, seconds: float | None = None) -> None:
        """Show the state of one phase and how long it took or takes."""
        self._rows[key].set(state, seconds)

    def state(self, key: str) -> str:
        """The state that is shown for a phase."""
        return self._rows[key].state

    def reset(self) -> None:
        """All phases wait again."""
        for row in self._rows.values():
            row.set("waiting", None)


class _Phase(QWidget):
    def __init__(self, words: str) -> None:
        super().__init__()
        self.state = "waiting"
        self._sign = IconLabel("circle", "muted")
        self._spinner = Spinner()
        signs = QWidget()
        self._stack = QStackedLayout(signs)
        self._stack.addWidget(self._sign)
        self._stack.addWidget(self._spinner)
        signs.setFixedSize(self._sign.size())
        self._words = Label(words, "medium")
        self._time = Label("", "small")
        row = QHBoxLayout(self)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(10)
        row.addWidget(signs)
        row.addWidget(self._words)
        row.addStretch(1)
        row.addWidget(self._time)
        self.set("waiting", None)

    def set(self, state: str, seconds: float | None) -> None:
        self.state = state
        if state in _ICONS:
            self._sign.set_icon(*_ICONS[state])
        self._stack.setCurrentIndex(1 if state == "active" else 0)
        self._words.set_tone({"waiting": "muted", "failed": "bad"}.get(state, ""))
        digits = 1 if seconds is not None and seconds < 10 else 0
        shown = (
            ""
            if seconds is None
            else self.tr("{seconds} s").format(seconds=QLocale().toString(float(seconds), "f", digits))
        )
        self._time.setText(shown)
        spoken = {
            "waiting": self.tr("waiting"),
            "active": self.tr("working"),
            "done": self.tr("done"),
            "failed": self.tr("failed"),
        }[state]
        self.setAccessibleName(f"{self._words.text()}: {spoken} {shown}".strip())
