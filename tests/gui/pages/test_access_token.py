"""The hub's access token in the window: kept, removed, and told when that cannot be done."""

import pytest

from engine.job.errors import FolderError
from engine.library.hub_token import read_token, save_token
from gui.pages.model_hub import HubDetails
from gui.pages.settings import SettingsPage
from gui.state.models import ModelsState
from tests.gui.windows import still_state


@pytest.fixture
def state(qapp, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    made = still_state(monkeypatch)
    yield made
    made.shut_down()


def test_settings_keeps_and_removes_the_token(state):
    page = SettingsPage(state)
    page.token.edit.setText("hf_abcdefgh1234")
    page.token.button.click()
    assert read_token() == "hf_abcdefgh1234"
    assert page.token.edit.text() == ""  # never shown again
    page.token.button.click()
    assert read_token() is None


def test_the_hub_tab_removes_the_token_too(state):
    save_token("hf_abcdefgh1234")
    details = HubDetails(state, ModelsState(state))
    details.token.button.click()
    assert read_token() is None
    assert not details.token.button.isEnabled()  # nothing is left to remove


def test_a_token_that_cannot_be_written_is_told(state, monkeypatch):
    def refuse(_token):
        raise FolderError("The token cannot be written.", "Check the folder.")

    monkeypatch.setattr("gui.state.access_token.save_token", refuse)
    told = []
    state.notice.connect(lambda *words: told.append(words))
    page = SettingsPage(state)
    page.token.edit.setText("hf_abcdefgh1234")
    page.token.button.click()
    assert told == [("error", "The token cannot be written.", "Check the folder.")]
