"""Memory while a file of two gigabytes is read, recognised, split, paged through and searched."""

import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

GIGABYTE = 1_000_000_000
SMALL, LARGE = GIGABYTE // 10, 2 * GIGABYTE
ROW = 8_000  # bytes: long rows, so that the test measures bytes and not Python's speed
MOST_MORE = 100_000_000  # of memory for twenty times the file
ROOT = Path(__file__).parents[2]

_READ = """
import resource, sys
from engine.job.job import Job
from engine.job.sections import DataSource
from engine.use.inspection import Inspection

found = Inspection(Job(data=(DataSource(path=sys.argv[1]),)))
told = found.summary()
assert (told.shape, told.usable, told.duplicates) == ("instruction", told.rows, 0)
assert abs(told.validation_rows - told.rows // 10) < 2
for start in range(0, told.rows, max(1, told.rows // 50)):
    page, _ = found.show(start, 100)
    assert page[0].number == start + 1
[row], total = found.show(0, 100, search=f"question {told.rows - 1}?")
assert (row.number, total) == (told.rows, 1)
print(told.rows, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024))
"""


def write_rows(path, size):
    """About so many bytes of rows that are all different, of words that pack as words do."""
    draw = random.Random(7)
    words = ["".join(draw.choices("etaoinshrdlu", k=draw.randint(2, 9))) for _ in range(4000)]
    texts = [" ".join(draw.choices(words, k=2000))[: ROW - 60] for _ in range(200)]
    with path.open("w", encoding="ascii", buffering=1 << 20) as out:
        for number in range(size // ROW):
            text = texts[number % len(texts)]
            out.write(f'{{"prompt": "Question {number}?", "completion": "{text}"}}\n')


@pytest.mark.slow  # writes and reads two gigabytes
@pytest.mark.skipif(sys.platform == "win32", reason="peak memory is read the way POSIX tells it")
@pytest.mark.timeout(1800)
def test_memory_stays_flat_however_large_the_file(tmp_path):
    free = shutil.disk_usage(tmp_path).free
    if free < 3 * LARGE:
        pytest.skip(
            f"the file and the row cache need {3 * LARGE / GIGABYTE:.0f} GB, {free / GIGABYTE:.1f} are free"
        )
    path = tmp_path / "rows.jsonl"
    peaks = []
    for size in (SMALL, LARGE):
        write_rows(path, size)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "TUNEWRIGHT_HOME": str(tmp_path / "home")}
        done = subprocess.run(
            [sys.executable, "-c", _READ, str(path)],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        path.unlink()
        shutil.rmtree(tmp_path / "home")
        assert done.returncode == 0, done.stderr
        rows, peak = map(int, done.stdout.split())
        assert rows == size // ROW
        peaks.append(peak)
    assert peaks[1] - peaks[0] < MOST_MORE
