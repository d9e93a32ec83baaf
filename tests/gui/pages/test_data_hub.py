"""A dataset of the hub by the Data page: a stand-in hub, a real engine process, nothing of it in the window's."""

import json
import os
import signal

import pytest

from engine.job.record import read_record
from engine.library.home import home
from engine.library.hub_token import read_token
from gui.state.app_state import AppState
from gui.state.words import size_words
from tests.flow.processes import left_behind
from tests.gui.waiting import rest, until
from tests.gui.windows import opened
from tests.library.stand_in_hub import TOKEN, StandInHub

pytestmark = [
    pytest.mark.timeout(180),
    pytest.mark.slow(reason="every look and download is a real worker"),
]
ROWS = "".join(
    json.dumps({"instruction": f"Say {n}", "response": f"It is {n}."}) + "\n" for n in range(30)
).encode()
PAIR = json.dumps({"prompt": "p", "chosen": "a", "rejected": "b"}).encode() + b"\n"
# Many lines of few words, which are soon tokenised: a look at them ends when it is told to.
LARGE = b"".join(b'{"text": "%d' % n + b" and so on" * 500 + b'"}\n' for n in range(600))


@pytest.fixture
def hub(monkeypatch):
    for name in ("HF_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    with StandInHub() as stand_in:
        stand_in.add(
            "acme/rows",
            {"main/train.jsonl": ROWS, "main/test.jsonl": ROWS[:200], "pairs/train.jsonl": PAIR},
        )
        stand_in.add("acme/large", {"train.jsonl": LARGE})
        stand_in.add("acme/script", {"load.py": b"print()"})
        monkeypatch.setenv("HF_ENDPOINT", stand_in.address)
        yield stand_in


@pytest.fixture
def window(qapp, hub):
    with opened(AppState()) as window:
        window.go("data")
        window.pages["data"].hub_button.click()
        yield window
    assert left_behind(home()) == []


@pytest.fixture
def page(window):
    return window.pages["data"]


def look(page, text):
    page.hub_card.edit.setText(text)
    page.hub_card.look_button.click()
    until(lambda: page.hub.found or page.hub.problem, 60, "the hub's answer")


def shown(page):
    return page.hub_card.problem.title.text()


def test_a_split_is_seen_with_its_size_downloaded_and_shown_like_a_file(window, page, hub):
    look(page, f"{hub.address}/datasets/acme/rows/viewer/main/train")
    parts = page.hub_card.parts
    assert parts.subset.value() == "main"
    assert (parts.part().split, parts.part().bytes) == ("train", len(ROWS))
    assert page.hub_card.take_button.text() == f"Download {size_words(len(ROWS))}"
    assert not any("/resolve/" in path for _, path, _ in hub.requests)
    page.hub_card.take_button.click()
    until(lambda: page.state.draft.job.data, 60, "the split to arrive")
    inspection = page.inspection
    is_read = lambda: inspection.inspected is not None and inspection.inspected.is_complete  # noqa: E731
    until(lambda: inspection.failure or is_read(), 60)
    assert inspection.failure is None
    assert page.shape.title.label.text() == "Questions with answers"
    assert page.sources.lines[0].name.text() == "acme/rows · main · train"
    assert page.sources.lines[0].rows.text() == "30 rows"
    (source,) = page.state.draft.job.data
    assert source.revision == hub.commit("acme/rows")
    asked = len(hub.requests)
    page.chooser.hub_asked.emit(True)
    assert page.hub_card.take_button.text() == "Use it"
    parts.subset.set_value("pairs")
    parts._change_subset("pairs")
    page.hub_card.take_button.click()
    until(lambda: len(page.state.draft.job.data) == 2, 60, "the other subset")
    until(lambda: inspection.failure, 60, "the refusal of other rows")
    assert "hold different kinds of rows" in inspection.failure[0]
    assert len(hub.requests) > asked
    page.sources.lines[1].remove_button.click()
    until(is_read, 60, "the rest to be read")


def test_a_download_pauses_goes_on_is_cancelled_and_taken_up(window, page, hub):
    hub.piece_seconds = 0.05
    look(page, "acme/large")
    page.hub_card.take_button.click()
    until(lambda: page.hub.download and page.hub.download.done > 300_000, 60, "half of it")
    page.hub_card.pause_button.click()
    assert page.hub_card.pause_button.text() == "Continue"
    rest(0.5)
    done = page.hub.download.done
    rest(0.5)
    assert page.hub.download.done == done
    page.hub_card.pause_button.click()
    until(lambda: page.hub.download.done > done, 60, "it to go on")
    page.hub_card.cancel_button.click()
    until(lambda: page.hub.found is not None, 60, "the look afterwards")
    here = page.hub_card.parts.part().bytes_here
    assert here > 300_000
    assert "are here" in page.hub_card.parts._list.itemAt(0).widget()._line
    hub.piece_seconds = 0
    hub.requests.clear()
    page.hub_card.take_button.click()
    until(lambda: page.state.draft.job.data, 60, "the rest")
    assert hub.ranges() == [f"bytes={here}-"]


def test_a_killed_download_is_told_and_goes_on(window, page, hub):
    hub.piece_seconds = 0.05
    look(page, "acme/large")
    page.hub_card.take_button.click()
    until(lambda: page.hub.download and page.hub.download.done > 300_000, 60, "half of it")
    os.kill(read_record(page.hub._load.folder).pid, signal.SIGKILL)
    until(lambda: page.hub.problem, 60, "the loss")
    assert page.hub.download is None
    hub.piece_seconds = 0
    hub.requests.clear()
    look(page, "acme/large")
    page.hub_card.take_button.click()
    until(lambda: page.state.draft.job.data, 60, "the rest")
    assert len(hub.ranges()) == 1


def test_damaged_bytes_are_refused(window, page, hub):
    hub.flip["main/train.jsonl"] = 2
    look(page, "acme/rows")
    page.hub_card.take_button.click()
    until(lambda: page.hub.problem, 60, "the refusal")
    assert "arrived damaged twice" in shown(page)
    assert page.state.draft.job.data == ()


def test_what_cannot_be_had_says_why_and_what_to_do(window, page, hub):
    look(page, "rows")
    assert "is not the name of a dataset" in shown(page)
    look(page, "acme/none")
    assert "'acme/none' was not found on the hub, or it is private" in shown(page)
    assert page.hub_card.problem.token.isVisible()
    look(page, "acme/script")
    assert "such programs are never run" in shown(page)
    assert page.hub_card.problem.copy_button.isVisible()
    assert not page.hub_card.problem.token.isVisible()


def test_a_gated_dataset_opens_with_the_token(window, page, hub):
    hub.gated.add("acme/rows")
    look(page, "acme/rows")
    assert "asks you to accept its conditions" in shown(page)
    page.hub_card.problem.token.edit.setText(TOKEN)
    page.hub_card.problem.token.button.click()
    until(lambda: page.hub.found, 60, "the hub's answer with the token")
    assert read_token() == TOKEN
    assert not page.hub_card.problem.isVisible()


def test_offline_makes_no_call_and_leads_to_the_settings(window, page, hub):
    window.state.set_preference("offline", True)
    look(page, "acme/rows")
    assert "Working offline is switched on" in shown(page)
    assert hub.requests == []
    page.hub_card.problem.settings_button.click()
    assert window.page == "settings"
