import os
import subprocess
import sys

import pytest

from tests.rules.source_tree import ROOT


def run(*arguments):
    """The program as it is called: it needs nothing but the checkout."""
    command = [sys.executable, "benchmarks/gpu.py", *arguments]
    environment = {**os.environ, "CUDA_VISIBLE_DEVICES": "", "OMP_NUM_THREADS": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)


def rows_of(text):
    """The cells of each line of the tables, heads and rulers left out."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [
        row for row in (line.strip("| ").split(" | ") for line in lines) if row[0] not in ("model", "check")
    ]


# It imports transformers and trains some twenty times, which is the whole point.
@pytest.mark.slow
def test_all_sides_do_the_same_work_on_the_processor():
    done = run("--cpu", "--table", "--steps", "4")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    found = {}
    for model, method, side, *cells in rows:
        found.setdefault((model, method), {})[side] = cells
    assert list(found) == [(model, method) for model in ("starter", "tiny") for method in ("sft", "dpo")]
    for (_, method), sides in found.items():
        own = ["padded", "packed", "packed, prompts twice", "padded, fast off"]
        if method == "sft":
            own.remove("packed, prompts twice")
        assert [side for side in sides if side != "TRL"] == [*own, "plain"]  # TRL need not be installed
        assert all(float(cells[2]) > 0 for cells in sides.values())
        # The same rows, the same loss, before the first correction; TRL rounds what it tells.
        losses = [float(cells[6]) for cells in sides.values()]
        assert losses == pytest.approx([losses[0]] * len(losses), abs=2e-3)
        taken = {side: cells[7] for side, cells in sides.items()}
        assert taken["padded"] == "lean layers, tiled head, last layer where it counts"
        assert taken["padded, fast off"] == taken["plain"] == "-"
        assert ("shared prompts" if method == "dpo" else "packed rows") in taken["packed"]


def test_the_checks_of_numbers_pass_on_the_processor():
    done = run("--cpu", "--checks", "attention", "optimizer", "runaway", "silent")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = {row[0]: row[1:] for row in rows_of(done.stdout)}
    assert [row[0] for row in rows.values()] == ["ok"] * 7 + ["not tried"]
    assert "at step 4" in rows["a runaway update changes nothing"][1]
    assert rows["updates wait for nothing"] == ["not tried", "needs CUDA"]


def test_what_would_begin_too_late_is_not_tried():
    done = run("--cpu", "--checks", "runaway", "--minutes", "0")
    assert done.returncode == 0, done.stdout + done.stderr
    assert rows_of(done.stdout) == [["runaway", "not tried", "time was up"]]


# Real runs in this process, the smallest of the checks.
@pytest.mark.slow
def test_a_resumed_run_passes_its_check():
    done = run("--cpu", "--checks", "devices", "resume")
    assert done.returncode == 0, done.stdout + done.stderr
    rows = rows_of(done.stdout)
    assert [row[1] for row in rows] == ["ok"] * 3
    assert rows[1][0] == "sft: paused, saved, stopped at 4, resumed"
    assert rows[1][2] == "bit by bit"


def test_a_computer_without_cuda_is_told_in_one_line():
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip().endswith("--cpu tries the same with a tiny model.")
    assert len(done.stderr.strip().splitlines()) == 1
