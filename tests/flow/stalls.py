"""How long the main thread lets a 16 ms timer wait, while somebody uses the window."""

import time

from PySide6.QtCore import QObject, Qt, QTimer

INTERVAL_SECONDS = 0.016


class Stalls(QObject):
    """Lateness of every tick (seconds), with what was going on; `pause` while the test draws pictures."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.late: list[tuple[float, str]] = []
        self.doing = "starting"
        self._last: float | None = None
        self._is_paused = False
        timer = QTimer(self, interval=round(INTERVAL_SECONDS * 1000))
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.timeout.connect(self._tick)
        timer.start()

    def pause(self) -> None:
        """What comes now is the test's own doing."""
        self._is_paused = True

    def go_on(self) -> None:
        """Measure again, from the next tick on."""
        self._is_paused, self._last = False, None

    def words(self) -> str:
        """One line: worst, 99th percentile, how many ticks, and what was going on at the five worst."""
        late = sorted(self.late, reverse=True)
        if not late:
            return "no tick was measured"
        p99 = late[len(late) // 100][0]
        worst = "; ".join(f"{1000 * seconds:.0f} ms while {doing}" for seconds, doing in late[:5])
        return f"p99 {1000 * p99:.1f} ms of {len(late)} ticks; longest: {worst}"

    def _tick(self) -> None:
        now = time.perf_counter()
        if self._last is not None and not self._is_paused:
            self.late.append((max(0.0, now - self._last - INTERVAL_SECONDS), self.doing))
        self._last = now
