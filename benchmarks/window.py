"""First paint: from the start of the process to the window's first painted frame, each time in a fresh process."""

import tempfile
import time
from pathlib import Path

from benchmarks.table import Row, Table, fresh_process, spread

AIM_SECONDS = 1.0

# The window itself tells when it was painted; what would follow (warming up the engine) must not start here.
PROGRAM = """
import time
began = time.time_ns()
from gui import app
imported = time.time_ns()
from gui.window import MainWindow
def painted(window):
    print(began, imported, time.time_ns(), flush=True)
    window.close()
MainWindow._after_first_paint = painted
app.main([])
"""


def measure(quick: bool) -> Table:
    """Median of at least seven starts, after one that fills the disk's cache."""
    times: dict[str, list[float]] = {"python": [], "imports": [], "window": [], "all": []}
    with tempfile.TemporaryDirectory() as folder:
        for turn in range(4 if quick else 16):
            started = time.time_ns()
            said = fresh_process("-c", PROGRAM, home=Path(folder)).stdout.split()
            began, imported, painted = (int(text) for text in said)
            if turn == 0:
                continue
            parts = {
                "python": began - started,
                "imports": imported - began,
                "window": painted - imported,
                "all": painted - started,
            }
            for name, nanoseconds in parts.items():
                times[name].append(nanoseconds / 1e6)
    is_met = sorted(times["all"])[len(times["all"]) // 2] < 1000 * AIM_SECONDS
    rows = (
        Row("process start to first painted frame", spread(times["all"], "ms"), "< 1 s", is_met),
        Row("of it Python itself", spread(times["python"], "ms")),
        Row("of it importing Qt and the app", spread(times["imports"], "ms")),
        Row("of it building, styling and painting", spread(times["window"], "ms")),
    )
    how = "Offscreen, Welcome page, 1280x800, files in the disk's cache, a fresh process each time."
    return Table("First paint", how, rows)
