"""Work in the tests' own process."""

import pytest


@pytest.fixture(autouse=True)
def _nothing_is_kept_for_ever(monkeypatch):
    """What a worker's process keeps until its end would stay in the tests' process, with widgets of other tests."""
    monkeypatch.setattr("gc.freeze", lambda: None)
