"""Repainting the loss chart with 1,000, 100,000 and 1,000,000 steps: new point, new lines, new pixels."""

import json
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.table import Row, Table, fresh_process, percentile, spread

SIZES = (1_000, 100_000, 1_000_000)
QUICK_SIZES = (1_000, 100_000)
AIM_MILLISECONDS = 8.0
REPAINTS = 100


def measure(quick: bool) -> Table:
    """One process per size; each repaint is computed and painted at once, as the chart's timer would."""
    rows = []
    for size in QUICK_SIZES if quick else SIZES:
        with tempfile.TemporaryDirectory() as folder:
            done = fresh_process("-m", "benchmarks.chart", str(size), home=Path(folder))
        found = json.loads(done.stdout)
        whole, middle = found["whole"], found["middle"]
        is_met = percentile(whole, 0.5) < AIM_MILLISECONDS
        rows += [
            Row(f"{size:,} steps, all shown", spread(whole, "ms", 1), f"< {AIM_MILLISECONDS:.0f} ms", is_met),
            Row(f"{size:,} steps, zoomed to the middle tenth", spread(middle, "ms", 1)),
            Row(f"{size:,} steps, adding one", f"{found['add']:.1f} µs"),
        ]
    how = "Offscreen, 900x420, a noisy training curve with its running average and a validation curve of 40 points."
    return Table("Chart repaint", how, tuple(rows))


def repaint_times(size: int) -> dict[str, object]:
    """Milliseconds of each repaint with a new point, all shown and zoomed in, and microseconds to add a point."""
    import numpy as np
    from PySide6.QtWidgets import QApplication

    from gui import theme
    from gui.widgets.chart import Chart
    from gui.widgets.chart_spec import ChartSpec, Curve, validation_curve

    app = QApplication([])
    theme.apply_theme(app, "light")
    chart = Chart(ChartSpec("loss", "Loss", (Curve("loss", "Training"), validation_curve("Validation"))))
    chart.resize(900, 420)
    chart.show()
    app.processEvents()
    draws = np.random.default_rng(1)
    values = 2.0 + 2.0 * np.exp(-np.arange(size) / (0.2 * size)) + draws.normal(0, 0.2, size)
    started = time.perf_counter()
    for step, value in enumerate(values.tolist(), 1):
        chart.add("loss", step, value, 1000.0 * step, 0.1 * step)
    added = time.perf_counter() - started
    for step in range(size // 40, size + 1, size // 40):
        chart.add("validation", step, float(values[step - 1]))
    app.processEvents()
    whole = _timed(chart, app, size)
    chart.set_following(False)
    chart._plot.setXRange(0.45 * size, 0.55 * size, padding=0)  # what the mouse wheel does
    return {"whole": whole, "middle": _timed(chart, app, size + REPAINTS), "add": 1e6 * added / size}


def _timed(chart: "Chart", app: "QApplication", last: int) -> list[float]:  # noqa: F821 - imported late, see above
    times = []
    for number in range(1, REPAINTS + 11):
        chart.add("loss", last + number, 2.0 + 0.01 * (number % 7))
        started = time.perf_counter()
        chart.repaint_now()
        chart._view.viewport().repaint()  # paints at once instead of with the next event
        times.append(1000 * (time.perf_counter() - started))
        app.processEvents()
    return times[10:]


if __name__ == "__main__":
    print(json.dumps(repaint_times(int(sys.argv[1]))))
