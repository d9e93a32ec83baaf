"""What every test has: a home of its own, and on request a tiny random model in a folder."""

import gc
import os
from pathlib import Path

import pytest

os.environ.setdefault(
    "OMP_NUM_THREADS", "1"
)  # test processes with a pool of threads each slow each other down
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")

MANY_OBJECTS = 50_000
"""Made and not freed since the last collection."""


@pytest.fixture(autouse=True)
def _home_of_its_own(tmp_path_factory, monkeypatch):
    """Preferences, runs, caches and hub files of a test are nobody else's."""
    folder = tmp_path_factory.mktemp("home")
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(folder))
    monkeypatch.setenv("HF_HOME", str(folder / "huggingface"))


@pytest.fixture(scope="session")
def tiny_model(tmp_path_factory) -> Path:
    """A folder with a random Llama of two layers, a tokenizer and a chat template. Read it, never write into it."""
    from tests.models.tiny_models import tiny_model as build
    from tests.models.tiny_models import tiny_tokenizer

    folder = tmp_path_factory.mktemp("models") / "tiny-llama"
    build("llama").save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(autouse=True)
def _freed_between_tests():
    """Tests of the window switch Python's own collection off for their process: then it happens here."""
    yield
    if not gc.isenabled() and gc.get_count()[0] > MANY_OBJECTS:
        gc.collect()
