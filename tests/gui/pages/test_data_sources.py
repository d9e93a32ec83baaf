"""The list of sources on the Data page: joined by drops, edited, taken out, undone. The engine is played."""

import json

import pytest

from engine.job.datasets import SourceRead
from engine.job.events import Failed
from engine.job.sections import DataSource
from gui.pages.data_paste import PasteDialog
from tests.gui.state.test_inspection import inspected
from tests.gui.waiting import until
from tests.gui.windows import opened, still_state

ROW = json.dumps({"prompt": "p", "completion": "c"})


@pytest.fixture
def window(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        yield window


@pytest.fixture
def files(tmp_path):
    paths = [tmp_path / name for name in ("a.jsonl", "b.jsonl")]
    for path in paths:
        path.write_text(ROW + "\n")
    return paths


@pytest.fixture
def page(window, files):
    window.open_path(files[0])
    return window.pages["data"]


def names(page):
    return [line.name.text() for line in page.sources.lines]


def data(page):
    return page.state.draft.job.data


def test_a_drop_joins_the_data_and_can_become_the_only_one(page, files):
    page.take_drop([files[1]])
    assert names(page) == ["a.jsonl", "b.jsonl"]
    notice = page.notices.notice("added")
    assert "b.jsonl was added" in notice.accessibleName()
    page.state.use_sources(data(page)[1:])
    assert names(page) == ["b.jsonl"]
    page.state.draft.undo()
    assert names(page) == ["a.jsonl", "b.jsonl"]


def test_opening_a_file_takes_the_place_of_the_data(window, page, files):
    window.open_path(files[1])
    assert names(page) == ["b.jsonl"]


def test_the_same_file_does_not_come_twice(window, page, files):
    told = []
    window.state.notice.connect(lambda *words: told.append(words[1]))
    page.take_drop([files[0]])
    assert names(page) == ["a.jsonl"]
    assert told == ["That is part of the data already."]


def test_weight_and_limit_are_the_jobs_and_undone_one_by_one(page, files):
    page.take_drop([files[1]])
    second = page.sources.lines[1]
    second.weight_chosen.emit(0.5)
    second.limit_chosen.emit(7)
    assert data(page) == (
        DataSource(path=str(files[0])),
        DataSource(path=str(files[1]), weight=0.5, limit=7),
    )
    page.state.draft.undo()
    assert (data(page)[1].weight, data(page)[1].limit) == (0.5, None)
    assert page.sources.lines[1] is second
    assert second.limit.text() == "all"


def test_a_source_is_taken_out_and_the_last_one_leaves_the_drop_zone(page, files):
    page.take_drop([files[1]])
    page.sources.lines[0].remove_button.click()
    assert names(page) == ["b.jsonl"]
    page.sources.lines[0].remove_button.click()
    assert page.stack.currentWidget() is page.drop
    assert page.next_button.isHidden()


def test_a_folders_split_is_chosen_in_its_line(window, tmp_path):
    folder = tmp_path / "set"
    (folder / "data").mkdir(parents=True)
    for name in ("data/train-00000-of-00001.jsonl", "test.jsonl"):
        (folder / name).write_text(ROW + "\n")
    window.open_path(folder)
    page = window.pages["data"]
    (line,) = page.sources.lines
    until(lambda: line.part.count() == 2)
    assert line.part.currentText() == "train"
    line.part.setCurrentIndex(line.part.findText("test"))
    line.part.activated.emit(line.part.currentIndex())
    assert data(page) == (DataSource(path=str(folder), split="test"),)
    assert line.part.currentText() == "test"


def test_the_rows_of_each_source_are_shown_when_they_were_read(window, page, files):
    page.take_drop([files[1]])
    engine = window.state.engine
    until(lambda: engine.started, 3, "the reading to begin")
    reads = tuple(SourceRead(n, ("instruction", "response"), {"prompt": "instruction"}) for n in (3, 1200))
    engine.tell(engine.started[-1], inspected(sources=reads))
    assert [line.rows.text() for line in page.sources.lines] == ["3 rows", "1,200 rows"]


def test_a_role_chosen_in_a_header_goes_to_the_source_with_that_column(window, page, files):
    page.take_drop([files[1]])
    engine = window.state.engine
    until(lambda: engine.started, 3, "the reading to begin")
    reads = (
        SourceRead(1, ("instruction", "response"), {"prompt": "instruction", "answer": "response"}),
        SourceRead(1, ("question", "reply"), {"prompt": "question", "answer": "reply"}),
    )
    columns = ("instruction", "response", "question", "reply")
    engine.tell(engine.started[-1], inspected(columns=columns, sources=reads))
    assert [select.value() for _, select in page.rows.table._heads] == ["prompt", "answer"] * 2
    page.rows.table.role_chosen.emit("reply", "")
    assert data(page)[0].columns == {}
    assert data(page)[1].columns == {"prompt": "question"}


def test_a_dataset_that_is_not_here_is_offered_for_download(window):
    state = window.state
    state.draft.set_data((DataSource(path="acme/rows", limit=5),))
    window.go("data")
    page = window.pages["data"]
    until(lambda: state.engine.started, 3, "the reading to begin")
    state.engine.tell(state.engine.started[-1], Failed("It is not on this computer.", "Download it."))
    assert state.what_is_missing() == "acme/rows is not on this computer yet."
    notice = page.notices.notice("failure")
    button = next(b for b in notice.findChildren(type(page.add_button)) if b.text() == "Download it…")
    button.click()
    assert page.stack.currentWidget() is page.hub_card
    assert page.hub_card.edit.text() == "acme/rows"
    page.hub.arrived.emit(DataSource(path="acme/rows", split="train", revision="c" * 40))
    assert data(page) == (DataSource(path="acme/rows", split="train", revision="c" * 40, limit=5),)
    assert page.stack.currentWidget() is page.view


def test_pasted_rows_become_a_file_that_is_part_of_the_data(window, page, monkeypatch):
    def fill_in(dialog):
        assert not dialog.use_button.isEnabled()
        dialog.edit.setPlainText(f"{ROW}\n{ROW}")
        assert dialog.words.text() == "Looks like JSON Lines, 2 rows."
        dialog.use_button.click()
        return dialog.result()

    monkeypatch.setattr(PasteDialog, "exec", fill_in)
    page.chooser.paste(adds=True)
    assert names(page) == ["a.jsonl", "pasted.jsonl"]
    monkeypatch.setattr(PasteDialog, "exec", lambda dialog: dialog.reject())
    page.chooser.paste(adds=False)
    assert names(page) == ["a.jsonl", "pasted.jsonl"]


def test_the_menu_has_every_way_and_adds_or_replaces(page):
    menu = page.chooser.menu(adds=True)
    assert [action.text() for action in menu.actions()] == [
        "Files…",
        "A folder…",
        "Pasted rows…",
        "From Hugging Face…",
        "A sample",
    ]
    sample = menu.actions()[-1].menu().actions()[0]
    sample.trigger()
    assert len(names(page)) == 2
    page.chooser.menu(adds=False).actions()[-1].menu().actions()[0].trigger()
    assert len(names(page)) == 1


def test_one_button_is_primary_whatever_the_page_shows(window, page):
    def primary():
        buttons = page.findChildren(type(page.add_button))
        return [b.text() for b in buttons if b.property("kind") == "primary" and b.isVisible()]

    assert primary() == ["Next: Method"]
    page.chooser.hub_asked.emit(True)
    assert primary() == ["Look it up"]
    page.hub_card.close_button.click()
    page.sources.lines[0].remove_button.click()
    assert primary() == ["Choose files…"]
