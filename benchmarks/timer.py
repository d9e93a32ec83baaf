"""How late a 16 ms timer of the window comes while the engine trains the example beside it, and without a run."""

import json
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.table import Row, Table, fresh_process, percentile

INTERVAL_SECONDS = 0.016
AIM_MILLISECONDS = 20.0
IDLE_SECONDS = 20.0
LONGEST_SECONDS = 600.0
PERIODS = {"idle": "no run", "starting": "the engine starts", "training": "it trains, charts in view"}


def measure(quick: bool) -> Table:
    """Several windows, each with a run of its own; the ticks of all of them count together."""
    ticks: dict[str, list[float]] = {period: [] for period in PERIODS}
    for _ in range(1 if quick else 3):
        with tempfile.TemporaryDirectory() as folder:
            length = {"TUNEWRIGHT_QUICK_EXAMPLE": "1"} if quick else {}
            done = fresh_process(
                "-m",
                "benchmarks.timer",
                "2" if quick else str(IDLE_SECONDS),
                home=Path(folder),
                environment=length,
            )
            for period, late in json.loads(done.stdout.splitlines()[-1]).items():
                ticks[period] += late
    rows = []
    for period, words in PERIODS.items():
        late = ticks[period]
        p99 = percentile(late, 0.99)
        figure = f"p99 {p99:.1f} ms, median {median(late):.1f} ms, worst {max(late):.0f} ms (n={len(late)})"
        rows.append(Row(words, figure, f"p99 < {AIM_MILLISECONDS:.0f} ms", p99 < AIM_MILLISECONDS))
    how = (
        "Lateness of every tick of a 16 ms timer in the real window, offscreen, Train page in view; the worker is a "
        "process of its own as always. Starting: from pressing Start to the first step."
    )
    return Table("The window beside a training run", how, tuple(rows))


def watch_window(idle_seconds: float) -> dict[str, list[float]]:
    """Open the window, look at Train for a while, press Start, and note each tick until the run ends (ms)."""
    from PySide6.QtCore import Qt, QTimer

    from engine.library.folders import home
    from gui.app import make_application
    from gui.state.app_state import AppState
    from gui.theme import apply_theme
    from gui.window import MainWindow

    app = make_application()
    home().mkdir(parents=True, exist_ok=True)
    state = AppState()
    apply_theme(app, "light", 1.0)
    window = MainWindow(state)
    window.show()
    state.load_example()
    window.go("train")
    late: dict[str, list[float]] = {period: [] for period in PERIODS}
    last = began = time.perf_counter()

    def tick() -> None:
        nonlocal last
        now = time.perf_counter()
        run = state.run
        period = "idle" if run is None else "training" if run.steps else "starting"
        if now - began > 5.0:  # the window has settled, and the spare engine has been imported
            late[period].append(max(0.0, 1000 * (now - last - INTERVAL_SECONDS)))
        last = now
        if (run is not None and not run.is_active) or now - began > LONGEST_SECONDS:
            app.quit()

    timer = QTimer(interval=round(1000 * INTERVAL_SECONDS))
    timer.setTimerType(Qt.TimerType.PreciseTimer)
    timer.timeout.connect(tick)
    timer.start()
    QTimer.singleShot(round(1000 * (5.0 + idle_seconds)), state.start_run)
    app.exec()
    if state.run is None or state.run.status != "done":
        raise RuntimeError("The run did not end well.")
    window.close()
    state.shut_down()
    return late


if __name__ == "__main__":
    print(json.dumps(watch_window(float(sys.argv[1]))))
