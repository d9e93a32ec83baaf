"""A person's own files, read by the real engine: what is found, what does not fit, what is wrong with them."""

import json

import pytest
from PySide6.QtWidgets import QLabel

from engine.data.shapes import SHAPES
from engine.job.job import Job
from engine.library.home import home
from gui.pages.data_rows import ROLE_WORDS
from gui.state.app_state import AppState
from tests.flow.processes import left_behind
from tests.gui.waiting import until
from tests.gui.windows import opened

pytestmark = pytest.mark.timeout(120)
INSTRUCTIONS = [{"instruction": f"Say {n}", "response": f"It is {n}."} for n in range(30)]
PAIRS = [{"prompt": f"Say {n}", "chosen": f"It is {n}.", "rejected": "No."} for n in range(30)]


@pytest.fixture
def window(qapp):
    with opened(AppState()) as window:
        yield window
    assert left_behind(home()) == []


def _said(window):
    return " ".join(label.text() for label in window.pages["train"].findChildren(QLabel))


def written(path, rows):
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def dropped(window, path):
    """Drop a file and wait for what the engine finds; the Data page."""
    window.open_path(path)
    assert window.page == "data"
    inspection = window.state.inspection
    ends = lambda: inspection.failure or (inspection.inspected and inspection.inspected.is_complete)  # noqa: E731
    until(ends, 60, "the data to be read")
    return window.pages["data"]


@pytest.mark.slow(reason="imports the tokenizer's libraries in a real worker")
def test_own_rows_are_shown_as_the_model_will_see_them(window, tmp_path):
    page = dropped(window, written(tmp_path / "mine.jsonl", INSTRUCTIONS))
    assert window.state.inspection.failure is None
    assert page.shape.title.label.text() == "Questions with answers"
    assert "30 rows" in page.rows.words.text()
    until(lambda: "It is" in page.tokens.view.text(), 20, "the tokens of the first row")
    window.go("train")
    assert window.pages["train"].idle.start_button.isEnabled()
    assert window.pages["train"].idle.start_button.text() == "Start training"


@pytest.mark.slow(reason="imports the tokenizer's libraries in a real worker")
def test_pairs_of_answers_lead_to_preference_training_with_one_click(window, tmp_path):
    page = dropped(window, written(tmp_path / "pairs.jsonl", PAIRS))
    assert page.shape.fix_button.isVisible()
    page.shape.fix_button.click()
    assert window.state.draft.job.method_card.rows == "preference"
    window.state.draft.set_kind("method", "dpo")
    inspection = window.state.inspection
    until(lambda: inspection.inspected and inspection.inspected.is_complete, 60, "the pairs to be read")
    assert not page.shape.fix_button.isVisible()
    until(page.tokens.pair.isVisible, 20, "both answers side by side")
    assert "It is" in page.tokens.chosen.text()
    assert "No" in page.tokens.rejected.text()


@pytest.mark.slow(reason="starts a real worker for each file")
@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "broken.jsonl",
            '{"instruction": "a", "response": "b"}\n{"instruction": \n',
            ("broken.jsonl", "Line 2"),
        ),
        ("empty.jsonl", "", ("empty.jsonl",)),
    ],
)
def test_a_file_that_cannot_be_used_is_named_and_the_draft_stays(window, tmp_path, name, content, words):
    window.state.draft.set_name("my run")
    path = tmp_path / name
    path.write_text(content)
    page = dropped(window, path)
    notice = page.notices.notice("failure")
    assert notice.isVisible()
    for word in words:
        assert word in notice.accessibleName()
    assert "Traceback" not in notice.accessibleName()
    assert page.shape.height() < 120  # at the top, not over the whole page
    assert window.rail.buttons["data"].mark() == "attention"
    assert window.state.draft.job.name == "my run"
    assert window.state.draft.job.data[0].path == str(path)
    window.go("train")
    assert not window.pages["train"].idle.start_button.isEnabled()


@pytest.mark.slow(reason="reads the data three times in a real worker")
def test_columns_of_unusual_names_get_their_meaning_above_the_table(window, tmp_path):
    page = dropped(
        window, written(tmp_path / "odd.jsonl", [{"foo": f"Say {n}", "bar": "It is."} for n in range(30)])
    )
    assert window.state.inspection.failure is None
    assert page.shape.title.label.text() == "What is in these columns?"
    assert page.rows.isVisible()
    assert not page.tokens.isVisible()
    inspection = window.state.inspection
    until(lambda: inspection.row(0) is not None, 20, "the rows to be shown")
    assert inspection.row(0).cells == {"foo": "Say 0", "bar": "It is."}
    assert inspection.row(0).problem == ""
    window.go("train")
    start = window.pages["train"].idle.start_button
    assert not start.isEnabled()
    assert "'foo', 'bar'" in window.pages["train"].idle.start_button.text() + _said(window)
    window.go("data")
    for column, role in (("foo", "prompt"), ("bar", "answer")):
        page.rows.role_chosen.emit(column, role)
        until(
            lambda role=role: inspection.inspected and role in inspection.inspected.roles,
            60,
            f"{role} to be known",
        )
    until(
        lambda: inspection.inspected.is_complete and page.tokens.isVisible(), 60, "the tokens to be counted"
    )
    assert page.shape.title.label.text() == "Questions with answers"
    assert window.state.draft.job.data[0].columns == {"prompt": "foo", "answer": "bar"}
    assert inspection.inspected.usable == 30


def test_every_role_that_a_column_can_have_is_offered_once():
    assert set(ROLE_WORDS) == {role for shape in SHAPES for role in shape.roles}
    assert len(set(ROLE_WORDS.values())) == len(ROLE_WORDS)


def test_a_missing_file_is_refused_and_the_old_data_stays(window, tmp_path):
    good = written(tmp_path / "good.jsonl", INSTRUCTIONS)
    window.open_path(good)
    window.open_path(tmp_path / "gone.jsonl")
    assert window.notices.notice(f"{tmp_path / 'gone.jsonl'} does not exist.") is not None
    assert [source.path for source in window.state.draft.job.data] == [str(good)]


def test_a_model_folder_without_config_blocks_the_start_with_its_reason(window, tmp_path):
    written(tmp_path / "good.jsonl", INSTRUCTIONS)
    window.open_path(tmp_path / "good.jsonl")
    folder = tmp_path / "my-model"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"")
    window.open_path(folder)
    assert window.page == "model"
    assert window.state.draft.job.model.source == str(folder)
    window.go("train")
    button = window.pages["train"].idle.start_button
    assert not button.isEnabled()
    assert "config.json is missing" in button.text()
    window.state.draft.undo()
    assert window.state.draft.job.model == Job().model
    assert button.isEnabled()
