"""A hub on this computer."""

from pathlib import Path

import pytest

from tests.library.hub_model import FILES, REPO
from tests.library.stand_in_hub import StandInHub


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A hub with one model, and a home and cache of our own."""
    for name in ("HF_TOKEN", "HF_HUB_CACHE", "HF_HUB_OFFLINE", "HF_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    with StandInHub() as server:
        server.add(REPO, FILES)
        monkeypatch.setenv("HF_ENDPOINT", server.address)
        yield server
