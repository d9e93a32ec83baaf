"""A tiny base, its data and a tuned run, made once for the tests that only read them."""

import pytest

from tests.use.tuned_runs import data_file, saved_model, tuned_run


@pytest.fixture(scope="session")
def base(tmp_path_factory):
    return saved_model(tmp_path_factory.mktemp("base") / "tiny-base")


@pytest.fixture
def run(base, tmp_path):
    return tuned_run(base, data_file(tmp_path))
