"""What the computer has and how much of it is used, for the device chip and the estimates."""

from PySide6.QtCore import QObject, QTimer, Signal

from engine.library.devices import Machine, machine

REFRESH_MILLISECONDS = 3000


class MachineState(QObject):
    """`now` is the newest reading; `changed` follows each."""

    changed = Signal()

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.now: Machine = machine(wait=False)
        self._timer = QTimer(self, interval=REFRESH_MILLISECONDS)
        self._timer.timeout.connect(self._refresh)
        self._timer.start()

    def _refresh(self) -> None:
        self.now = machine(wait=False)
        self.changed.emit()
