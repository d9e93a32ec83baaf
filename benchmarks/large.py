"""Files of any size: how fast they are read, what memory that takes, and how soon their first rows are on screen."""

import json
import random
import sys
import tempfile
import time
from pathlib import Path
from statistics import median

from benchmarks.table import Row, Table, fresh_process, spread

MEGABYTE = 1_000_000
ROW_BYTES = 2_000
FLAT = 1.3
AIM_SECONDS = 0.3
SETTLE_SECONDS = 6.0  # the spare engine imports what it needs while a person looks for the file
LONGEST_SECONDS = 900.0

READ = """
import json, resource, sys, time
from engine.job.job import Job
from engine.job.sections import DataSource
from engine.use.inspection import Inspection
started, worked = time.perf_counter(), time.process_time()
found = Inspection(Job(data=(DataSource(path=sys.argv[1]),)))
took, worked = time.perf_counter() - started, time.process_time() - worked
started = time.perf_counter()
for start in range(0, found.found.total, max(1, found.found.total // 50)):
    found.show(start, 100)
paged = (time.perf_counter() - started) / 50
started = time.perf_counter()
found.show(0, 100, search="a text that no row holds")
searched = time.perf_counter() - started
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps([found.found.total, took, worked, paged, searched, peak]))
"""


def measure(quick: bool) -> Table:
    """A small file and one ten times as large: read, opened again, paged through, searched, shown."""
    sizes = (20, 200) if quick else (200, 2000)
    rows, peaks = list[Row](), list[float]()
    with tempfile.TemporaryDirectory() as name:
        for megabytes in sizes:
            folder = Path(name) / str(megabytes)
            folder.mkdir()
            path = written(folder / "rows.jsonl", megabytes * MEGABYTE)
            title = f"{megabytes / 1000:g} GB"
            found, peak = _read(title, path, folder)
            rows += found
            peaks.append(peak)
            rows += _shown(title, path, folder, times=1 if quick else 3)
            path.unlink()
    ratio = peaks[1] / peaks[0]
    rows.append(
        Row("peak memory, ten times the file", f"{ratio:.2f} times", f"at most {FLAT}", ratio <= FLAT)
    )
    how = (
        f"JSON Lines with rows of {ROW_BYTES / 1000:g} kB. Read, recognised, checked, split: a fresh process each, the "
        "row cache empty, then filled. On screen: the real window, offscreen, from dropping the file to its first rows "
        "painted on the Data page, the spare engine ready as it is after some seconds."
    )
    return Table("Large files", how, tuple(rows))


def written(path: Path, size: int) -> Path:
    """A file of about so many bytes, always the same, that packs as words do."""
    draw = random.Random(7)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(4000)]
    texts = [" ".join(draw.choices(words, k=600))[: ROW_BYTES - 60] for _ in range(400)]
    with path.open("w", encoding="ascii", buffering=MEGABYTE) as out:
        for number in range(size // ROW_BYTES):
            out.write(f'{{"prompt": "Question {number}?", "completion": "{texts[number % len(texts)]}"}}\n')
    return path


def _read(title: str, path: Path, folder: Path) -> tuple[list[Row], float]:
    first, again = (
        json.loads(fresh_process("-c", READ, str(path), home=folder / "read").stdout) for _ in range(2)
    )
    total, took, worked, paged, searched, peak = first
    speed = f"{total / took:,.0f} rows/s ({total / worked:,.0f} a processor second), peak {peak / MEGABYTE:,.0f} MB"
    rows = [
        Row(f"{title}: read for the first time", speed),
        Row(f"{title}: opened again", f"{again[1]:.2f} s, peak {again[5] / MEGABYTE:,.0f} MB"),
        Row(f"{title}: a page of 100 rows anywhere", f"{1000 * paged:.1f} ms"),
        Row(f"{title}: all rows searched", f"{searched:.1f} s"),
    ]
    return rows, max(peak, again[5])


def _shown(title: str, path: Path, folder: Path, times: int) -> list[Row]:
    kept = folder / "shown"
    first = [_watched(path, kept, reads_all=True)]
    first += [_watched(path, folder / f"shown {turn}") for turn in range(1, times)]
    again = [_watched(path, kept, reads_all=True) for _ in range(times)]
    rows = []
    for words, taken in (("first rows on screen", first), ("first rows on screen, opened again", again)):
        seconds = [one["shown"] for one in taken]
        is_met = median(seconds) < AIM_SECONDS
        rows.append(Row(f"{title}: {words}", spread(seconds, "s", 2), f"< {AIM_SECONDS} s", is_met))
    rows.append(Row(f"{title}: all rows known, opened again", spread([one["read"] for one in again], "s", 2)))
    return rows


def _watched(path: Path, home: Path, reads_all: bool = False) -> dict[str, float]:
    done = fresh_process("-m", "benchmarks.large", str(path), *(["all"] if reads_all else []), home=home)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def watch_window(path: Path, reads_all: bool) -> dict[str, float]:
    """Seconds from dropping a file on the window to its first rows painted and, on request, to all rows read."""
    from PySide6.QtCore import QTimer

    from engine.library.folders import home
    from gui.app import make_application
    from gui.state.app_state import AppState
    from gui.theme import apply_theme
    from gui.window import MainWindow

    app = make_application()
    home().mkdir(parents=True, exist_ok=True)
    state = AppState()
    apply_theme(app, state.preferences.theme, state.preferences.text_scale / 100)
    window = MainWindow(state)
    state.draft.set_data(())  # a second window would show what the first one did
    window.show()
    window.go("data")
    dropped, taken = 0.0, dict[str, float]()
    wanted = {"shown", "read"} if reads_all else {"shown"}

    def drop() -> None:
        nonlocal dropped
        dropped = time.perf_counter()
        state.open_paths([path])

    def look() -> None:
        if not dropped or "shown" in taken or state.inspection.row(0) is None:
            return
        window.repaint()
        taken["shown"] = time.perf_counter() - dropped
        read()

    def read() -> None:
        found = state.inspection.inspected
        if found is not None and not found.is_first_look:
            taken["read"] = time.perf_counter() - dropped
        if state.inspection.failure is not None or wanted <= taken.keys():
            app.quit()

    state.inspection.rows_arrived.connect(look)
    state.inspection.changed.connect(read)
    QTimer.singleShot(round(1000 * SETTLE_SECONDS), drop)
    QTimer.singleShot(round(1000 * LONGEST_SECONDS), app.quit)
    app.exec()
    if not wanted <= taken.keys():
        raise RuntimeError(f"The rows were not shown: {state.inspection.failure}")
    window.close()
    state.shut_down()
    return taken


if __name__ == "__main__":
    print(json.dumps(watch_window(Path(sys.argv[1]), sys.argv[2:] == ["all"])))
