import pytest

from engine.data.dataset import open_rows
from engine.data.rows import Conversation, Message
from engine.job.errors import DataError
from engine.job.sections import DataSource
from tests.data.every_shape import BAD, GOOD, MESSAGES, PROMPT, SHAPES, TURNS, assistant, user
from tests.data.writing import write


def test_text_parts_of_a_message_are_joined(tmp_path):
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    record = {"messages": [{"role": "user", "content": parts}, {"role": "assistant", "content": "Hi"}]}
    path = write(tmp_path / "a.jsonl", [record])
    assert open_rows([DataSource(path=str(path))]).rows[0].messages[0] == user("Hello")


def test_what_stands_after_the_last_answer_is_left_out(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"messages": [*MESSAGES, {"role": "user", "content": "?"}]}])
    assert open_rows([DataSource(path=str(path))]).rows == [Conversation(1, TURNS)]


def test_columns_with_unusual_names_are_mapped_to_roles(tmp_path):
    path = write(tmp_path / "a.csv", [{"frage": "Q", "antwort": "A", "sprache": "de"}])
    source = DataSource(path=str(path), columns={"prompt": "frage", "answer": "antwort"})
    found = open_rows([source])
    assert found.rows == [Conversation(1, (user("Q"), assistant("A")))]
    assert found.roles == {"prompt": "frage", "answer": "antwort"}
    assert found.evidence == "The one row has a frage and an antwort."


def test_a_chosen_column_stands_before_a_usual_one(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "Q", "response": "A", "better": "B"}])
    found = open_rows([DataSource(path=str(path), columns={"answer": "better"})])
    assert found.rows[0].messages[1] == assistant("B")


@pytest.mark.parametrize(
    ("record", "sentence"),
    [
        ({"instruction": "a", "response": "b"}, "All 3 rows have an instruction and a response."),
        ({"messages": MESSAGES}, "All 3 rows have a list of messages."),
        (
            {"prompt": "a", "chosen": "b", "rejected": "c"},
            "All 3 rows have a prompt, a chosen answer and a rejected answer.",
        ),
        ({"text": "a"}, "All 3 rows have a text."),
    ],
)
def test_the_evidence_is_a_sentence(tmp_path, record, sentence):
    path = write(tmp_path / "a.jsonl", [record] * 3)
    assert open_rows([DataSource(path=str(path))]).evidence == sentence


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"prompt": "a", "completion": ""}, "empty answer"),
        ({"prompt": "a", "completion": None}, "empty answer"),
        ({"prompt": " ", "completion": "b"}, "empty prompt"),
        ({"messages": [{"role": "user", "content": "a"}]}, "no answer"),
        ({"messages": []}, "no answer"),
        ({"messages": [*MESSAGES, {"role": "assistant", "content": " "}]}, "empty answer"),
        ({"text": " \n"}, "empty text"),
        ({"prompt": "a", "chosen": "b", "rejected": ""}, "only one of the two answers"),
        ({"prompt": "a", "chosen": None, "rejected": "c"}, "only one of the two answers"),
        ({"prompt": "a", "chosen": "", "rejected": ""}, "no answer"),
        ({"prompt": "a", "chosen": "b", "rejected": "b"}, "identical answers"),
        ({"prompt": "a", "chosen": "b", "rejected": "b "}, "identical answers"),
        ({"chosen": PROMPT + GOOD, "rejected": PROMPT + GOOD}, "identical answers"),
    ],
)
def test_a_row_with_nothing_to_learn_is_skipped_and_counted_with_its_number(tmp_path, record, reason):
    good = next(r for r, _ in SHAPES.values() if set(r) == set(record))
    good = (
        {"chosen": PROMPT + GOOD, "rejected": PROMPT + BAD} if set(record) == {"chosen", "rejected"} else good
    )
    path = write(tmp_path / "a.jsonl", [good, record, good, record])
    found = open_rows([DataSource(path=str(path))])
    assert found.skipped == {reason: [2, 4]}
    assert [row.number for row in found.rows] == [1, 3]
    assert found.total == 4


def refusal(path, **source):
    with pytest.raises(DataError) as caught:
        open_rows([DataSource(path=str(path), **source)])
    return str(caught.value)


def test_a_missing_field_is_named_with_those_that_are_there(tmp_path):
    records = [{"prompt": "a", "chosen": "b", "rejected": "c"}, {"prompt": "a", "chosen": "b"}]
    words = refusal(write(tmp_path / "a.jsonl", records))
    assert "Row 2 (line 2) of 'a.jsonl' has no 'rejected'; it has 'prompt', 'chosen'." in words


@pytest.mark.parametrize(
    ("value", "words"),
    [(4, "the number 4"), (["x"], "a text"), (True, "true or false"), ({"a": "b"}, "no 'role'")],
)
def test_a_field_of_another_type_is_named_with_what_it_is(tmp_path, value, words):
    path = write(
        tmp_path / "a.jsonl", [{"prompt": "a", "completion": "b"}, {"prompt": "a", "completion": value}]
    )
    said = refusal(path)
    assert "Row 2 (line 2) of 'a.jsonl'" in said
    assert "'completion'" in said
    assert words in said


def test_unknown_columns_are_listed(tmp_path):
    path = write(tmp_path / "a.csv", [{"frage": "Q", "antwort": "A"}])
    assert "'a.csv' has 'frage', 'antwort', from which no kind of rows can be recognised." in refusal(path)


def test_a_wanted_shape_tells_which_column_is_missing(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "Q", "completion": "A"}])
    assert "no column for 'chosen', 'rejected'; it has 'prompt', 'completion'" in refusal(
        path, shape="preference"
    )


def test_a_mapped_column_must_exist(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "Q", "completion": "A"}])
    assert "no column 'antwort'" in refusal(path, columns={"answer": "antwort"})


def test_a_column_cannot_have_two_roles(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "Q", "completion": "A"}])
    words = refusal(path, columns={"prompt": "completion", "answer": "completion"})
    assert "'columns' names 'completion' of 'a.jsonl' as prompt and as answer." in words


@pytest.mark.parametrize("names", [("prompt", "Prompt"), ("Prompt", "prompt")])
def test_of_names_in_small_and_capital_letters_the_small_one_counts(tmp_path, names):
    record = {name: name for name in names}
    path = write(tmp_path / "a.jsonl", [{**record, "completion": "A"}])
    assert open_rows([DataSource(path=str(path))]).rows[0].messages[0] == user("prompt")


def test_of_very_many_columns_some_are_named(tmp_path):
    path = write(tmp_path / "a.csv", [{f"c{number}": "x" for number in range(900)}])
    words = refusal(path)
    assert "'c0', 'c1'" in words
    assert "and 880 more" in words


def test_an_unknown_role_is_refused(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"prompt": "Q", "completion": "A"}])
    assert "'reply' in 'columns' is not a role" in refusal(path, columns={"reply": "completion"})


def test_a_message_of_an_unknown_role_is_refused(tmp_path):
    odd = [{"role": "user", "content": "a"}, {"role": "narrator", "content": "b"}]
    said = refusal(write(tmp_path / "a.jsonl", [{"messages": odd}]))
    assert "Row 1 (line 1) of 'a.jsonl': message 2 in 'messages' has the unknown role 'narrator'." in said


def test_a_picture_in_a_message_is_refused(tmp_path):
    odd = [
        {"role": "user", "content": [{"type": "image", "url": "x"}]},
        {"role": "assistant", "content": "b"},
    ]
    assert "message 1 in 'messages' holds a list, not a text" in refusal(
        write(tmp_path / "a.jsonl", [{"messages": odd}])
    )


def test_pairs_without_any_prompt_are_not_guessed_at(tmp_path):
    path = write(tmp_path / "a.jsonl", [{"chosen": "Yes please", "rejected": "Yes, no"}])
    assert "No row of 'a.jsonl' can be used" in refusal(path)


# Labels and roles -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "label"),
    [
        *(
            (v, True)
            for v in (True, 1, 1.0, "true", "True", "1", "yes", "thumbs_up", "up", "good", "👍", "+1")
        ),
        *(
            (v, False)
            for v in (False, 0, 0.0, "false", "FALSE", "0", "no", "thumbs-down", "bad", "👎", "-1", -1)
        ),
    ],
)
def test_a_label_is_read_however_it_is_written(tmp_path, value, label):
    path = write(tmp_path / "a.jsonl", [{"prompt": "Q", "completion": "A", "label": value}])
    found = open_rows([DataSource(path=str(path))])
    assert found.rows[0].label is label
    assert found.labels == ((0, 1) if label else (1, 0))
    assert found.rows_kind == "feedback"


@pytest.mark.parametrize("value", ["science", 3, "neutral"])
def test_a_label_that_is_no_verdict_leaves_questions_with_answers(tmp_path, value):
    path = write(tmp_path / "a.jsonl", [{"question": "Q", "answer": "A", "label": value}])
    assert open_rows([DataSource(path=str(path))]).shape == "instruction"


def test_a_later_label_that_is_no_verdict_is_named(tmp_path):
    records = [{"prompt": "Q", "completion": "A", "label": True}] * 100
    path = write(tmp_path / "a.jsonl", [*records, {"prompt": "Q", "completion": "A", "label": "maybe"}])
    assert "Row 101 (line 101) of 'a.jsonl': 'label' is a text, not true or false." in refusal(path)


def test_a_row_without_a_label_is_skipped_and_counted(tmp_path):
    records = [{"prompt": "Q", "completion": "A", "label": label} for label in (True, None, False)]
    found = open_rows([DataSource(path=str(write(tmp_path / "a.jsonl", records)))])
    assert found.skipped == {"no label": [2]}
    assert found.labels == (1, 1)


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("system", "system"), ("developer", "system"), ("human", "user"), ("user", "user"), ("prompter", "user"),
        ("gpt", "assistant"), ("chatgpt", "assistant"), ("model", "assistant"), ("bot", "assistant"),
        ("function_call", "assistant"), ("tool", "tool"), ("observation", "tool"), ("function_response", "tool"),
    ],
)  # fmt: skip
def test_every_usual_role_name_is_known(tmp_path, name, role):
    turns = [
        {"from": "human", "value": "Q"}, {"from": name, "value": "X"}, {"from": "gpt", "value": "A"},
    ]  # fmt: skip
    found = open_rows([DataSource(path=str(write(tmp_path / "a.jsonl", [{"conversations": turns}])))])
    assert found.rows[0].messages[1] == Message(role, "X")
