"""What a pasted text is taken for, and that its file is read as that."""

import pytest

from engine.data.dataset import open_rows
from engine.job.errors import FolderError
from engine.job.sections import DataSource
from gui.state.pasted import Pasted, keep, recognise

ROW = '{"prompt": "p", "completion": "c"}'
OTHER = '{"prompt": "q", "completion": "d"}'


@pytest.mark.parametrize(
    ("text", "suffix", "rows"),
    [
        (f"{ROW}\n{OTHER}\n\n", ".jsonl", 2),
        (f"\n  {ROW}", ".jsonl", 1),
        (f"[{ROW},\n {OTHER}]", ".json", 2),
        (f'{{"rows": [{ROW}]}}', ".json", 1),
        (
            '{"messages": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}]}',
            ".jsonl",
            1,
        ),
        ("prompt\tcompletion\np\tc\nq\td", ".tsv", 2),
        ('prompt,completion\n"p, and\nmore",c\n', ".csv", 1),
        ("Hello, world\nAnd so on, and on", ".txt", 2),
        ("One text\nof two lines.\n\nAnother.", ".txt", 2),
    ],
)
def test_a_text_is_recognised_and_read_as_what_it_is(text, suffix, rows):
    found = recognise(text)
    assert found == Pasted(suffix, rows)
    path = keep(text, found)
    assert path.suffix == suffix
    assert open_rows([DataSource(path=str(path))]).total == rows


def test_nothing_is_nothing():
    assert recognise(" \n\t\n") is None


def test_pasting_twice_keeps_both():
    first, second = keep(ROW, Pasted(".jsonl", 1)), keep(OTHER, Pasted(".jsonl", 1))
    assert (first.name, second.name) == ("pasted.jsonl", "pasted-2.jsonl")
    assert first.read_text() == ROW + "\n"


def test_a_data_folder_that_cannot_be_written_is_named(monkeypatch, tmp_path):
    (tmp_path / "data").write_text("a file in place of the folder")
    monkeypatch.setattr("gui.state.pasted.data_folder", lambda: tmp_path / "data")
    with pytest.raises(FolderError, match="data cannot be written"):
        keep(ROW, Pasted(".jsonl", 1))
