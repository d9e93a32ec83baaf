"""One run after another: a run begins from another's result, and Runs shows which."""

import pytest

from engine.job.channel import ADAPTER
from engine.job.job import with_kind
from engine.job.record import read_record
from engine.library.model_folder import ADAPTER_CONFIG
from engine.library.runs import create_run
from gui.state.words import model_words
from tests.gui.waiting import until
from tests.gui.windows import ended_run, opened, quick_job, still_state


@pytest.fixture
def window(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        window.state.draft.replace(quick_job())
        yield window


def run_with_result():
    folder = ended_run(quick_job())
    (folder / ADAPTER).mkdir()
    (folder / ADAPTER / ADAPTER_CONFIG).write_text("{}", encoding="utf-8")
    return folder


def test_a_run_can_begin_from_another_ones_result(window):
    first = run_with_result()
    window.go("runs")
    window.pages["runs"].begin_from(first)
    job = window.state.draft.job
    assert window.page == "data"
    assert job.model.source == str(first)
    assert model_words(job) == "polite replies"
    assert window.state.what_is_missing() == ""
    assert read_record(create_run(job)).parent == str(first)


def test_the_run_that_another_began_from_is_shown(window):
    first = run_with_result()
    window.go("runs")
    page = window.pages["runs"]
    page.begin_from(first)
    second = ended_run(with_kind(window.state.draft.job, "method", "dpo"))
    window.go("runs")
    until(lambda: len(page.runs.rows) == 2, 10, "the runs are listed")
    rows = {row.key: row for row in page.table.rows_model.rows}
    assert rows[str(second)].model == "↳ polite replies"
    assert rows[str(first)].model == "starter"
    page.table.rows_model.set_checked([str(second)])
    assert "Begins from\tpolite replies" in page.details.table_text()
    page.table.rows_model.set_checked([str(first)])
    assert "Begins from" not in page.details.table_text()
