"""The same rows out of every kind of file, however it is packed, encoded and broken into lines."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.dataset import open_rows
from engine.data.readers import READERS
from engine.data.rows import Conversation, Feedback, Preference, Text
from engine.job.sections import DataSource
from tests.data.every_shape import SHAPES, assistant, user
from tests.data.writing import ENCODINGS, FORMS, KINDS, PACKINGS, TEXT_FORMS, packed, write


def opened(path, **source):
    return open_rows([DataSource(path=str(path), **source)])


def assert_same(path, record, row):
    found = opened(path)
    assert found.rows[0] == row
    assert found.rows[1].number == 2
    assert found.columns == tuple(record)
    assert (found.duplicates, found.total) == (1, 2)
    assert not found.skipped


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_reads_the_same_from_every_kind_of_file(tmp_path, name, form):
    record, row = SHAPES[name]
    assert_same(write(tmp_path / f"data{form}", [record, record]), record, row)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in FORMS])
def test_every_shape_reads_the_same_from_every_packed_file(tmp_path, kind):
    for name, (record, row) in SHAPES.items():
        assert_same(write(tmp_path / f"{name}{kind}", [record, record]), record, row)


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_every_shape_reads_the_same_in_every_encoding(tmp_path, form, encoding, packing):
    for name, (record, row) in SHAPES.items():
        path = write(tmp_path / f"{name}{form}{packing}", [record, record], encoding)
        assert_same(path, record, row)


PLAIN = {name: case for name, case in SHAPES.items() if "\\n" not in repr(case[0])}


@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS])
@pytest.mark.parametrize("form", TEXT_FORMS)
def test_windows_line_ends_change_no_row(tmp_path, form, encoding):
    cases = PLAIN if form in (".csv", ".tsv") else SHAPES  # in a quoted cell they belong to the text
    assert len(cases) > 10
    for name, (record, row) in cases.items():
        assert_same(write(tmp_path / f"{name}{form}", [record, record], encoding, "\r\n"), record, row)


def test_a_windows_line_end_inside_a_quoted_cell_belongs_to_the_text(tmp_path):
    path = tmp_path / "a.csv"
    path.write_bytes(b'prompt,completion\r\nQ,"one\r\ntwo"\r\n')
    assert opened(path).rows[0].messages[1] == assistant("one\r\ntwo")


@pytest.mark.parametrize("packing", PACKINGS)
@pytest.mark.parametrize("encoding", ["utf-8", *ENCODINGS])
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
def test_plain_text_reads_the_same_however_it_is_packed(tmp_path, packing, encoding, ending):
    mark = b"\xfe\xff" if encoding == "utf-16-be" else b""
    text = f"Grüße,{ending}Welt.{ending}{ending} {ending}🌤️ two{ending}"
    path = tmp_path / f"a.txt{packing}"
    path.write_bytes(packed(mark + text.encode(encoding), packing))
    assert opened(path).rows == [Text(1, "Grüße,\nWelt."), Text(2, "🌤️ two")]


def test_every_reader_is_tried_here():
    tried = {"." + form.rpartition(".")[2] for form in FORMS} | {".txt"}
    same = {".ndjson": ".jsonl", ".pq": ".parquet", ".text": ".txt", ".md": ".txt"}
    assert {same.get(suffix, suffix) for suffix in READERS} == tried
    assert all(READERS[suffix] is READERS[like] for suffix, like in same.items())


# Any rows ---------------------------------------------------------------------------------------------

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=30)
SAID = TEXTS.filter(str.strip)
ANSWERS = st.builds(assistant, SAID)
DIALOGUES = st.lists(st.tuples(st.builds(user, SAID), ANSWERS), min_size=1, max_size=3).map(
    lambda pairs: tuple(message for pair in pairs for message in pair)
)


def turns(messages):
    return [{"role": m.role, "content": m.content} for m in messages]


def as_records(rows):
    match rows[0]:
        case Text():
            return [{"text": row.text} for row in rows]
        case Conversation():
            return [{"messages": turns(row.messages)} for row in rows]
        case Preference():
            sides = ("prompt", "chosen", "rejected")
            return [{side: turns(getattr(row, side)) for side in sides} for row in rows]
        case Feedback():
            plain = [(row.prompt[0].content, row.completion[0].content, row.label) for row in rows]
            return [{"prompt": p, "completion": c, "label": label} for p, c, label in plain]


def numbered(kind, *parts):
    rows = st.lists(st.tuples(*parts), min_size=1, max_size=6)
    return rows.map(lambda found: [kind(number, *values) for number, values in enumerate(found, 1)])


SIDES = st.tuples(SAID, SAID).filter(lambda pair: pair[0].strip() != pair[1].strip())
PAIRS = st.lists(st.tuples(DIALOGUES, SAID, SIDES), min_size=1, max_size=6).map(
    lambda found: [
        Preference(number, (*before, user(asked)), (assistant(good),), (assistant(bad),))
        for number, (before, asked, (good, bad)) in enumerate(found, 1)
    ]
)
ANY_ROWS = st.one_of(
    numbered(Conversation, DIALOGUES),
    numbered(Text, SAID),
    PAIRS,
    numbered(Feedback, st.tuples(st.builds(user, SAID)), st.tuples(ANSWERS), st.booleans()),
)


@pytest.mark.parametrize("kind", KINDS)
def test_any_rows_come_back_as_they_were_written(tmp_path, kind):
    @settings(max_examples=25, deadline=None)
    @given(rows=ANY_ROWS)
    def holds(rows):
        assert opened(write(tmp_path / f"any{kind}", as_records(rows))).rows == rows

    holds()


@settings(max_examples=60, deadline=None)
@given(data=st.data(), packing=st.sampled_from(PACKINGS))
def test_any_paragraphs_come_back_as_they_were_written(tmp_path_factory, data, packing):
    words = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1).filter(str.strip)
    paragraphs = data.draw(st.lists(st.lists(words, min_size=1, max_size=3), min_size=2, max_size=5))
    texts = ["\n".join(lines) for lines in paragraphs]
    path = tmp_path_factory.mktemp("any") / f"a.txt{packing}"
    path.write_bytes(packed("\n\n".join(texts).encode(), packing))
    assert [row.text for row in opened(path).rows] == texts
