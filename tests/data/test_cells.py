"""Messages and lists in files whose cells hold nothing but text."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.cells import opened_list, opened_messages
from engine.data.dataset import open_rows
from engine.data.rows import Conversation, Message, Preference
from engine.job.errors import DataError
from engine.job.sections import DataSource
from tests.data.writing import write

TURNS = [{"role": "user", "content": 'Q "it\'s"\n} {'}, {"role": "assistant", "content": "A"}]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
MESSAGES = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": TEXTS}), min_size=1
)


def numpys_way(messages):
    """As pandas writes a column of lists that came from a Parquet file."""
    return "[" + "\n ".join(repr(message) for message in messages) + "]"


WRITINGS = {
    "JSON": json.dumps,
    "JSON over several lines": lambda value: json.dumps(value, indent=2),
    "JSON with a space": lambda value: json.dumps(value).replace("[{", "[ {", 1),
    "Python": repr,
    "numpy": numpys_way,
}


@pytest.mark.parametrize("writing", WRITINGS)
@settings(max_examples=40, deadline=None)
@given(messages=MESSAGES)
def test_messages_are_read_however_they_are_written_in_a_cell(writing, messages):
    assert opened_messages(WRITINGS[writing](messages), is_sure=False) == messages


@pytest.mark.parametrize("writing", ["JSON", "JSON over several lines", "Python"])
def test_a_single_message_in_a_cell_is_one(writing):
    assert opened_messages(WRITINGS[writing](TURNS[1]), is_sure=False) == TURNS[1]


@pytest.mark.parametrize(
    "text",
    ["[{", "{}", "[]", "[1]", '{"role": "admin", "content": "x"}', '{"from": "USD", "value": 3}', "{'a': b}",
     '[{"role": "user", "content": "x"}] is a list', "[" * 5000, "[{" * 5000, '[{"x": 1}]', "{'role': 'user'}"],
)  # fmt: skip
def test_an_answer_that_only_looks_like_messages_stays_text(text):
    assert opened_messages(text, is_sure=False) == text


@settings(max_examples=60, deadline=None)
@given(st.text())
def test_any_text_that_is_no_list_stays_text(text):
    assert opened_messages("{" + text, is_sure=False) == "{" + text
    assert opened_list("x" + text) == "x" + text


@pytest.mark.parametrize(
    ("text", "value"), [("", None), (" ", None), ("null", None), ("[]", []), ("[['a']]", [["a"]])]
)
def test_a_list_in_a_cell_is_opened(text, value):
    assert opened_list(text) == value


def test_history_in_a_csv_cell_becomes_earlier_turns(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text(
        'instruction,output,history\nBye,Bye now,"[[""Hi"", ""Hello""]]"\nBye,Bye now,\nBye,Bye now,[]\n'
    )
    first, *others = open_rows([DataSource(path=str(path))]).rows
    assert [message.content for message in first.messages] == ["Hi", "Hello", "Bye", "Bye now"]
    assert [len(row.messages) for row in others] == [2, 2]


def test_history_that_is_no_list_is_named(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("instruction,output,history\nBye,Bye now,earlier\n")
    with pytest.raises(DataError, match=r"Row 1 \(line 2\) of 'a\.csv': 'history' is a text, not a list of"):
        open_rows([DataSource(path=str(path))])


@pytest.mark.parametrize("writing", ["JSON", "Python"])
def test_single_messages_in_csv_cells_are_answers(tmp_path, writing):
    shown = WRITINGS[writing]
    record = {
        "conversations": shown([{"from": "human", "value": "Q"}]),
        "chosen": shown({"from": "gpt", "value": "yes"}),
        "rejected": shown({"from": "gpt", "value": "no"}),
    }
    [row] = open_rows([DataSource(path=str(write(tmp_path / "a.csv", [record])))]).rows
    sides = [(Message("assistant", text),) for text in ("yes", "no")]
    assert row == Preference(1, (Message("user", "Q"),), *sides)


def test_a_conversation_without_messages_in_a_csv_cell_is_skipped(tmp_path):
    record = {"messages": json.dumps(TURNS)}
    found = open_rows([DataSource(path=str(write(tmp_path / "a.csv", [record, {"messages": "[]"}])))])
    assert found.skipped == {"no answer": [2]}
    assert found.rows == [Conversation(1, tuple(Message(**turn) for turn in TURNS))]


def test_fields_that_a_table_fills_with_nothing_are_passed_over(tmp_path):
    turns = [
        {"role": None, "from": "human", "content": None, "value": "Q"},
        {"role": "assistant", "content": "A"},
    ]
    [row] = open_rows([DataSource(path=str(write(tmp_path / "a.parquet", [{"messages": turns}])))]).rows
    assert row == Conversation(1, (Message("user", "Q"), Message("assistant", "A")))


# Texts that no tokenizer could take -------------------------------------------------------------------

HALF = "a\ud83d"


@pytest.mark.parametrize(
    ("record", "field"),
    [
        ({"prompt": HALF, "completion": "b"}, "'prompt'"),
        ({"prompt": "a", "completion": HALF}, "'completion'"),
        ({"prompt": "a", "completion": "b", "system": HALF}, "'system'"),
        ({"text": HALF}, "'text'"),
        ({"prompt": "a", "completion": "b", "history": [[HALF, "c"]]}, "'history'"),
        ({"messages": [*TURNS[:1], {"role": "assistant", "content": HALF}]}, "message 2 in 'messages'"),
    ],
)
def test_half_a_character_is_named_with_row_and_field(tmp_path, record, field):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record) + "\n")
    with pytest.raises(DataError) as caught:
        open_rows([DataSource(path=str(path))])
    assert f"Row 1 (line 1) of 'a.jsonl': {field} holds half of a character (\\ud83d)." in str(caught.value)


def test_a_whole_character_in_two_escapes_and_half_a_one_in_a_column_that_is_not_used_are_fine(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({"prompt": "🌤", "completion": "b", "note": HALF}) + "\n")
    assert open_rows([DataSource(path=str(path))]).rows[0].messages[0].content == "🌤"


def test_a_text_beyond_the_limit_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("engine.data.values.LONGEST_LINE", 1_000_000)
    path = write(tmp_path / "a.parquet", [{"prompt": "a", "completion": "b" * 1_000_001}])
    with pytest.raises(DataError, match="'completion' is longer than 1 million characters"):
        open_rows([DataSource(path=str(path))])
