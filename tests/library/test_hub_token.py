"""The token: where it is kept, where it goes and where it never goes."""

import logging
import os
import stat

import pytest

from engine.job.errors import HubError
from engine.library import hub as client
from tests.library.hub_model import REPO, fetch
from tests.library.stand_in_hub import TOKEN, StandInHub


def test_a_token_is_checked_with_the_hub_itself(hub: StandInHub) -> None:
    assert client.check_token(f" {TOKEN}\n") == "alice"
    fetch()
    with pytest.raises(HubError, match="refused the access token"):  # though the model is here already
        client.check_token("hf_wrongwrong")
    for text in ("", "two words", "hf_ü"):
        with pytest.raises(HubError):
            client.check_token(text)


def test_a_token_is_kept_for_its_owner_alone(hub: StandInHub) -> None:
    assert client.read_token() is None
    client.save_token(f"{TOKEN}\n")
    assert client.read_token() == TOKEN
    if os.name == "posix":
        assert stat.S_IMODE(client.token_file().stat().st_mode) == 0o600
    client.delete_token()
    assert client.read_token() is None
    client.delete_token()


def test_no_token_is_sent_unless_one_was_saved(hub: StandInHub) -> None:
    client.search("x")
    client.save_token(TOKEN)
    client.search("x")
    assert [headers.get("authorization") for _, _, headers in hub.requests] == [None, f"Bearer {TOKEN}"]


def test_a_token_never_reaches_logs_or_errors(hub: StandInHub, caplog: pytest.LogCaptureFixture) -> None:
    client.save_token(TOKEN)
    caplog.set_level(logging.DEBUG)
    client.search("x")
    hub.status = 403
    with pytest.raises(HubError) as caught:
        client.plan(REPO)
    assert TOKEN not in caplog.text + str(caught.value) + caught.value.detail
    assert client.redact(f"Bearer {TOKEN}, hf_AbCdEf123 and hf_hub") == "Bearer [token], [token] and hf_hub"


def test_nothing_is_told_to_the_hub_about_its_user(hub: StandInHub) -> None:
    fetch()
    assert os.environ["HF_HUB_DISABLE_TELEMETRY"] == os.environ["HF_HUB_DISABLE_UPDATE_CHECK"] == "1"
    known = ("/api/models", f"/{REPO}/resolve/")
    assert all(path.startswith(known) for _, path, _ in hub.requests)
