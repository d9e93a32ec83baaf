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


# It imports transformers and trains eight times, which is the whole point.
@pytest.mark.slow
def test_both_sides_do_the_same_work_on_the_processor():
    done = run("--cpu", "--table", "--steps", "4")
    assert done.returncode == 0, done.stderr
    rows = rows_of(done.stdout)
    assert [row[:2] for row in rows] == [
        ["starter", "sft"],
        ["starter", "dpo"],
        ["tiny", "sft"],
        ["tiny", "dpo"],
    ]
    for row in rows:
        ours, *others = (float(cell) for cell in row[-3:] if cell != "-")  # TRL need not be installed
        assert len(others) >= 1
        # The same rows, the same loss, before the first correction; TRL rounds what it tells.
        assert others == pytest.approx([ours] * len(others), abs=2e-3)
        assert all(float(cell) > 0 for cell in row[4:7] if cell != "-")


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
