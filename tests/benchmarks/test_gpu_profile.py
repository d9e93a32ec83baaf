import pytest

from benchmarks.gpu_profile import busy


@pytest.mark.parametrize(
    ("work", "covered"),
    [
        ([(0, 2), (5, 6)], 3),
        ([(5, 6), (0, 2)], 3),  # in any order
        ([(0, 4), (1, 2), (3, 5)], 5),  # what runs at the same time counts once
        ([(1, 1)], 0),
    ],
)
def test_time_in_which_two_kernels_run_counts_once(work, covered):
    assert busy(work) == covered
