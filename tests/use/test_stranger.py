import sys

import pytest

from engine.use import stranger
from engine.use.stranger import Export, reopened
from engine.use.trial import Trial
from tests.models.tiny_models import tiny_tokenizer


class EnoughError(Exception):
    pass


def test_a_folder_that_does_not_open_is_told_by_the_process_last_words(tmp_path, monkeypatch):
    monkeypatch.setattr(
        stranger, "_command", lambda arguments: python("print('first'); print('no config'); sys.exit(3)")
    )
    found = look(tmp_path)
    assert found.problem == "It ended with code 3: no config"
    assert not found.trial.texts


def test_it_counts_the_prompts_and_can_be_stopped(tmp_path, monkeypatch):
    monkeypatch.setattr(
        stranger, "_command", lambda arguments: python("print(1); print(2, flush=True); time.sleep(60)")
    )
    counted = []

    def stop():
        if 2 in counted:
            raise EnoughError

    with pytest.raises(EnoughError):
        look(tmp_path, counted.append, stop)
    assert counted[-1] == 2


def python(code):
    return [sys.executable, "-c", f"import sys, time; {code}"]


def look(folder, answered=lambda count: None, stopped=lambda: None):
    return reopened(
        Export(folder),
        Trial(["a"], [[3]], ["x"], [True], []),
        tokenizer=tiny_tokenizer(),
        ends=(2,),
        max_new_tokens=4,
        answered=answered,
        stopped=stopped,
    )
