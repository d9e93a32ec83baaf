import pytest

from engine.worker.courtesy import WINDOW_MARK, be_courteous, thread_settings


@pytest.mark.parametrize(("cores", "threads"), [(2, None), (3, None), (4, "3"), (16, "15")])
def test_beside_a_window_one_core_of_four_or_more_is_left_free(cores, threads):
    assert thread_settings(cores, None).get("OMP_NUM_THREADS") == threads


def test_threads_sleep_while_they_wait_beside_a_window():
    settings = thread_settings(8, None)
    assert (settings["OMP_WAIT_POLICY"], settings["KMP_BLOCKTIME"]) == ("PASSIVE", "0")


def test_a_chosen_number_of_threads_stays():
    assert "OMP_NUM_THREADS" not in thread_settings(8, "2")


def test_without_a_window_all_cores_are_taken():
    environment = {WINDOW_MARK: "0"}
    be_courteous(environment)

    assert "OMP_NUM_THREADS" not in environment
    assert environment["OMP_WAIT_POLICY"] == "PASSIVE"  # spinning threads stall each other beside any load
    assert "OMP_NUM_THREADS" not in environment


@pytest.mark.parametrize(("environment", "threads"), [({}, "3"), ({"OMP_NUM_THREADS": "2"}, "2")])
def test_the_users_preference_counts_unless_the_environment_says_otherwise(environment, threads):
    be_courteous(environment, threads=3)
    assert environment["OMP_NUM_THREADS"] == threads
