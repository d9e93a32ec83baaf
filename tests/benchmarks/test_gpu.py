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


# It imports transformers and trains eight times, which is the whole point.
@pytest.mark.slow
def test_both_sides_do_the_same_work_on_the_processor():
    done = run("--cpu", "--steps", "4")
    assert done.returncode == 0, done.stderr
    rows = [line.strip("| ").split(" | ") for line in done.stdout.splitlines() if line.startswith("| ")][1:]
    assert [row[:2] for row in rows] == [
        ["starter", "sft"],
        ["starter", "dpo"],
        ["tiny", "sft"],
        ["tiny", "dpo"],
    ]
    for row in rows:
        ours, plain = float(row[-2]), float(row[-1])
        assert ours == pytest.approx(
            plain, abs=2e-3
        )  # the same rows, the same loss, before the first correction
        assert float(row[4]) > 0
        assert float(row[5]) > 0


def test_a_computer_without_cuda_is_told_in_one_line():
    done = run()
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.strip().endswith("--cpu tries the same with a tiny model.")
    assert len(done.stderr.strip().splitlines()) == 1
