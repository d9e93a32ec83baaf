import pytest

from engine.library.devices import physical_cores
from engine.worker.courtesy import WINDOW_MARK, be_courteous, memory_settings, own_threads


@pytest.mark.parametrize(("cores", "threads"), [(2, 2), (3, 3), (4, 3), (16, 15)])
def test_beside_a_window_one_core_of_four_or_more_is_left_free(cores, threads):
    assert own_threads({WINDOW_MARK: "1"}, cores) == threads


@pytest.mark.parametrize("cores", [2, 16])
def test_without_a_window_all_cores_are_taken(cores):
    assert own_threads({WINDOW_MARK: "0"}, cores) == cores


def test_threads_are_as_many_as_cores_and_spin_only_for_a_moment_while_they_wait():
    environment = {}
    be_courteous(environment)
    assert environment["OMP_NUM_THREADS"] == str(physical_cores())
    # GNU's default is 300,000 and LLVM's 200 ms: threads that spin for so long stall each other beside any load
    assert 0 < int(environment["GOMP_SPINCOUNT"]) <= 20_000
    assert 0 < int(environment["KMP_BLOCKTIME"]) <= 1
    assert "OMP_WAIT_POLICY" not in environment


def test_memory_of_a_graphics_device_is_kept_in_segments_that_grow_and_out_of_swap():
    assert memory_settings("linux", {}) == {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    apples = memory_settings("darwin", {})
    low, high = (float(apples[f"PYTORCH_MPS_{name}_WATERMARK_RATIO"]) for name in ("LOW", "HIGH"))
    assert low < high <= 1  # 1: what the system recommends; torch refuses a soft limit above the hard one
    assert memory_settings("win32", {}) == {}


@pytest.mark.parametrize(
    ("platform", "name"),
    [("linux", "PYTORCH_CUDA_ALLOC_CONF"), ("darwin", "PYTORCH_MPS_LOW_WATERMARK_RATIO")],
)
def test_what_somebody_set_for_memory_stays(platform, name):
    assert memory_settings(platform, {name: "x"}) == {}


@pytest.mark.parametrize(("environment", "threads"), [({}, "3"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_the_users_preference_counts_unless_the_environment_says_otherwise(environment, threads):
    be_courteous(environment, threads=3)
    assert environment["OMP_NUM_THREADS"] == threads
