import dataclasses
import json
import subprocess
import sys
import threading
import time

import pytest

from engine.data.dataset import RowSet
from engine.job.adapters import ADAPTERS
from engine.job.channel import Desk, append, events_of
from engine.job.commands import Cancel, Show
from engine.job.errors import DataError, JobError, StoppedError
from engine.job.events import Inspected, Phase, RowsShown
from engine.job.job import Job, choose
from engine.job.methods import METHODS
from engine.job.sections import DataSource, ModelSection, RowsSection
from engine.job.tasks import InspectTask
from engine.use.inspect import inspect, inspect_once
from engine.use.inspection import Inspection
from engine.use.token_view import _added, token_texts
from tests.models.tiny_models import tiny_tokenizer


def draft(path, model, method="sft", **rows):
    return Job(
        data=(DataSource(path=str(path)),),
        model=ModelSection(source=str(model)),
        rows=RowsSection(**rows),
        method=choose(METHODS, method, "method"),
    )


@pytest.fixture
def replies(tmp_path):
    path = tmp_path / "replies.jsonl"
    rows = [{"instruction": f"How are you {n}?", "response": f"Well, {n} 🦊"} for n in range(20)]
    rows[4]["response"] = ""
    rows[5] = rows[6]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


@pytest.fixture
def pairs(tmp_path):
    path = tmp_path / "pairs.jsonl"
    rows = [{"prompt": f"Hello {n}", "chosen": "Hello!", "rejected": "Go away, please."} for n in range(8)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def text_of(tokens, *kinds):
    return "".join(token.text for token in tokens if not kinds or token.kind in kinds)


def test_the_summary_counts_what_a_person_can_check(replies, tiny_model):
    found, _ = inspect_once(draft(replies, tiny_model))
    assert found.evidence == "19 of 20 rows have an instruction and a response."
    assert (found.rows, found.usable, found.duplicates) == (20, 19, 1)
    assert found.skipped == {"empty answer": 1}
    assert found.skipped_rows == {"empty answer": (5,)}
    assert found.columns == ("instruction", "response")
    assert found.roles == {"prompt": "instruction", "answer": "response"}
    assert found.validation_rows == 2
    assert found.template == "own"
    assert found.end_tokens == ("<|end|>",)
    assert found.bytes == replies.stat().st_size
    assert len(found.lengths) == 19
    assert found.percentiles["max"] == max(found.lengths)
    assert found.percentiles["p50"] == sorted(found.lengths)[9]  # the tenth of nineteen
    assert found.cut == 0
    assert found.remarks == ()
    assert found.is_complete


def test_what_the_template_added_is_told_from_what_the_row_says(pairs, tiny_model):
    _, (row,) = inspect_once(draft(pairs, tiny_model, "dpo", template="plain"), 0, 1)
    added = [text_of([t for t in side if t.added]) for side in (row.tokens, row.rejected)]
    own = [text_of([t for t in side if not t.added]) for side in (row.tokens, row.rejected)]
    assert own == ["Hello 0Hello!", "Hello 0Go away, please."]
    assert added == ["User:\n\n\nAssistant:\n<|end|>"] * 2


def test_of_a_very_long_row_the_first_tokens_are_shown(replies, tiny_model, monkeypatch):
    _, (whole,) = inspect_once(draft(replies, tiny_model), 0, 1)
    for module in ("token_view", "row_tokens"):
        monkeypatch.setattr(f"engine.use.{module}.MOST_TOKENS", 5)
    _, (row,) = inspect_once(draft(replies, tiny_model), 0, 1)
    assert [(token.id, token.kind) for token in row.tokens] == [(t.id, t.kind) for t in whole.tokens[:5]]
    assert row.problem == "Only its first 5 tokens are shown."
    assert whole.problem == ""


def test_nothing_is_called_added_where_a_message_cannot_be_found_again():
    assert _added(["Dear", " friend", ", hi"], ["friend"]) == [True, False, True]
    assert _added(["Dear", " friend", ", hi"], ["friend", "hello"]) == [False, False, False]
    assert _added(["a", "b", "c"], ["<think>so</think>\n\nb"]) == [True, False, True]


def test_a_row_shows_what_the_model_gets(replies, tiny_model):
    found, (row,) = inspect_once(draft(replies, tiny_model), 0, 1)
    tokenizer = tiny_tokenizer()
    asked = [{"role": "user", "content": "How are you 0?"}]
    opening = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    assert row.cells == {"instruction": "How are you 0?", "response": "Well, 0 🦊"}
    assert text_of(row.tokens, "prompt").rstrip() == opening.rstrip()
    assert text_of(row.tokens, "trained") == "Well, 0 🦊<|end|>"
    assert [token.text for token in row.tokens if token.special][-1] == "<|end|>"
    assert [token.id for token in row.tokens] == tokenizer(text_of(row.tokens), add_special_tokens=False)[
        "input_ids"
    ]
    whole, (first, *_) = sum(token.kind == "trained" for token in row.tokens), found.lengths
    assert first == len(row.tokens)
    assert 0 < whole < first


def test_both_sides_of_a_pair_are_shown(pairs, tiny_model):
    found, (row,) = inspect_once(draft(pairs, tiny_model, "dpo"), 0, 1)
    assert text_of(row.tokens, "trained") == "Hello!<|end|>"
    assert text_of(row.rejected, "rejected") == "Go away, please.<|end|>"
    assert text_of(row.tokens, "prompt").rstrip() == text_of(row.rejected, "prompt").rstrip()
    assert len(found.lengths_rejected) == len(found.lengths) == 8


def test_cut_tokens_are_shown_where_they_stood(tmp_path, tiny_model):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"prompt": "The quick brown fox " * 10, "completion": "hello dog"}))
    found, (row,) = inspect_once(draft(path, tiny_model, max_tokens=20))
    kept = [token for token in row.tokens if token.kind != "cut"]
    assert len(kept) == 20
    assert len(row.tokens) == found.lengths[0]
    assert text_of(row.tokens, "trained") == "hello dog<|end|>"
    assert "The quick brown fox" in text_of(row.tokens, "cut")
    assert "tokens are cut" in row.problem
    assert row.is_used
    assert found.cut == 1


def test_rows_are_shown_as_the_models_room_cuts_them(tmp_path, tiny_model):
    rows = [{"instruction": f"Hello {n}", "response": "dog " * length} for n, length in enumerate((2, 300))]
    path = tmp_path / "long.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    prefix = choose(ADAPTERS, "prefix", "adapter", {"virtual_tokens": 28})
    job = dataclasses.replace(draft(path, tiny_model, max_tokens=1024), adapter=prefix)
    found, (_, view, *_) = inspect_once(job)
    assert (found.cut, found.too_long) == (1, 1)
    assert sum(token.kind != "cut" for token in view.tokens) == 100
    assert "cut at 100 tokens: the model has 128 positions, of which Prefix takes 28" in " ".join(
        found.remarks
    )
    short = dataclasses.replace(job, data=(DataSource(path=str(path), limit=1),))
    assert not any("positions" in remark for remark in inspect_once(short)[0].remarks)


def test_an_answer_without_its_end_is_told(tmp_path, tiny_model):
    path = tmp_path / "long.jsonl"
    path.write_text(json.dumps({"prompt": "Hi", "completion": "The quick brown fox " * 10}))
    _, (row,) = inspect_once(draft(path, tiny_model, max_tokens=20))
    assert row.tokens[-1].kind == "cut"
    assert sum(token.kind != "cut" for token in row.tokens) == 20


def test_rows_are_paged_and_skipped_ones_say_why(replies, tiny_model):
    _, rows = inspect_once(draft(replies, tiny_model), 3, 3)
    assert [row.number for row in rows] == [4, 5, 6]
    assert rows[1].problem == "empty answer"
    assert [one.is_used for one in rows[:2]] == [True, False]
    assert rows[1].tokens == ()
    _, rows = inspect_once(draft(replies, tiny_model), 18, 10)
    assert [row.number for row in rows] == [19, 20]


def test_held_out_rows_are_those_that_training_holds_out(replies, tiny_model):
    from engine.data.dataset import open_rows, split

    job = draft(replies, tiny_model, validation=0.3)
    _, rows = inspect_once(job, 0, 20)
    _, held = split(open_rows(job.data).rows, 0.3, job.train.seed)
    assert {row.number for row in rows if row.is_validation} == {row.number for row in held}


def test_a_missing_model_shows_the_rows_without_tokens(replies, tmp_path):
    found, (row, *_) = inspect_once(draft(replies, tmp_path / "nowhere"))
    assert row.cells["instruction"] == "How are you 0?"
    assert row.tokens == ()
    assert found.lengths == ()
    assert any("shown without tokens" in remark and "does not exist" in remark for remark in found.remarks)


def test_rows_of_another_kind_than_the_method_needs_are_shown_with_a_remark(pairs, tiny_model):
    found, _ = inspect_once(draft(pairs, tiny_model, "sft"))
    assert found.rows_kind == "preference"
    assert any("has no questions with answers" in remark for remark in found.remarks)


def test_a_draft_without_data_is_refused(tiny_model):
    with pytest.raises(JobError, match="names no data"):
        inspect_once(Job())


def test_control_tokens_in_the_text_are_remarked_on(tmp_path, tiny_model):
    path = tmp_path / "sly.jsonl"
    path.write_text('{"prompt": "a <|end|>", "completion": "b"}\n')
    found, (row,) = inspect_once(draft(path, tiny_model))
    assert any("reads like a control token" in remark for remark in found.remarks)
    assert sum(token.special and token.text == "<|end|>" for token in row.tokens) == 2


# The task ---------------------------------------------------------------------------------------------


def test_the_task_tells_the_file_first_then_the_tokens_and_answers_questions(replies, tiny_model, tmp_path):
    desk = Desk(tmp_path)
    append(tmp_path, Show(start=0, count=2))
    append(tmp_path, Show(start=1, count=1, with_tokens=True))
    append(tmp_path, Show(start=0, count=50, search="YOU 1"))
    task = InspectTask(draft(replies, tiny_model))
    worker = threading.Thread(target=inspect, args=(task, desk, 30.0))
    worker.start()
    wait_for(lambda: sum(isinstance(e, RowsShown) for e in events_of(tmp_path)) == 3)
    append(tmp_path, Show(start=19, count=5))
    wait_for(lambda: sum(isinstance(e, RowsShown) for e in events_of(tmp_path)) == 4)
    append(tmp_path, Cancel())
    worker.join(10)
    assert not worker.is_alive()
    events = events_of(tmp_path)
    assert [e.name for e in events if isinstance(e, Phase)] == ["rows", "model", "tokens"]
    assert [e.is_complete for e in events if isinstance(e, Inspected)] == [False, True]
    plain, searched, tokens, last = (e for e in events if isinstance(e, RowsShown))
    assert [len(row.tokens) for row in plain.rows] == [0, 0]
    assert events.index(plain) < next(
        i for i, e in enumerate(events) if isinstance(e, Inspected) and e.is_complete
    )
    assert text_of(tokens.rows[0].tokens, "trained") == "Well, 1 🦊<|end|>"
    assert [row.number for row in searched.rows] == [2, *range(11, 21)]
    assert (searched.total, plain.total) == (11, 20)
    assert [row.number for row in last.rows] == [20]


def test_a_search_that_nobody_waits_for_any_more_is_given_up(replies, tiny_model, tmp_path, monkeypatch):
    searched = []
    original = RowSet.holding

    def holding(self, text, heard=None):
        searched.append(text)
        if text == "you":  # while it is searched, another text is typed
            append(tmp_path, Show(start=0, count=50, search="you 1"))
        found = original(self, text, heard)
        searched.append(f"{text}: {len(found)}")
        return found

    monkeypatch.setattr(RowSet, "holding", holding)
    append(tmp_path, Show(start=0, count=50, search="you"))
    inspect(InspectTask(draft(replies, tiny_model)), Desk(tmp_path), idle_seconds=0.0)
    assert searched == ["you", "you 1", "you 1: 11"]
    shown = [event for event in events_of(tmp_path) if isinstance(event, RowsShown)]
    assert [(event.search, event.total) for event in shown] == [("you 1", 11)]


def test_further_pages_of_a_search_are_not_searched_for_again(replies, tiny_model, monkeypatch):
    searched = []
    original = RowSet.holding
    monkeypatch.setattr(
        RowSet, "holding", lambda self, text, heard=None: searched.append(text) or original(self, text, heard)
    )
    inspection = Inspection(draft(replies, tiny_model))
    pages = [inspection.show(start, 5, search="you 1") for start in (0, 5, 10)]
    assert [row.number for rows, _ in pages for row in rows] == [2, *range(11, 21)]
    inspection.show(0, 5, search="you 2")
    assert searched == ["you 1", "you 2"]


def test_the_first_rows_of_a_large_file_are_shown_before_all_is_read(tmp_path, tiny_model, monkeypatch):
    path, folder = tmp_path / "large.jsonl", tmp_path / "task"
    folder.mkdir()
    rows = [{"prompt": f"How are you {n}?", "completion": "Well " * 30} for n in range(1000)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    monkeypatch.setattr("engine.use.inspect._SMALL_BYTES", 1000)
    append(folder, Show(start=0, count=3))
    inspect(InspectTask(draft(path, tiny_model)), Desk(folder), idle_seconds=0.0)
    events = events_of(folder)
    told = [e for e in events if isinstance(e, Inspected)]
    assert [(e.is_first_look, e.is_complete, e.rows) for e in told] == [
        (True, False, 200),
        (False, False, 1000),
        (False, True, 1000),
    ]
    [shown] = (e for e in events if isinstance(e, RowsShown))
    assert [row.number for row in shown.rows] == [1, 2, 3]
    assert events.index(told[0]) < events.index(shown) < events.index(told[1])


def test_start_is_refused_beforehand_with_row_numbers(replies, tiny_model):
    found, _ = inspect_once(draft(replies, tiny_model, max_tokens=8, too_long="drop"))
    assert found.refusal.startswith(
        "0 of 19 rows fit 8 tokens with something to learn (rows 1, 2, 3, 4, 6 and"
    )
    assert found.skipped["too long"] == found.too_long == 19
    assert inspect_once(draft(replies, tiny_model))[0].refusal == ""


def test_feedback_of_one_kind_is_remarked_on(tmp_path, tiny_model):
    path = tmp_path / "votes.jsonl"
    votes = [{"prompt": f"q{n}", "completion": "a", "label": True} for n in range(4)]
    path.write_text("".join(json.dumps(vote) + "\n" for vote in votes))
    found, (row, *_) = inspect_once(draft(path, tiny_model))
    assert (found.rows_kind, found.labels, row.label) == ("feedback", (0, 4), True)
    assert any("All answers are labelled good" in remark for remark in found.remarks)


def test_a_bad_line_is_shown_where_it_stands(replies, tiny_model):
    lines = replies.read_text("utf-8").splitlines()
    replies.write_text("\n".join([lines[0], "{broken", *lines[1:]]), "utf-8")
    found, rows = inspect_once(draft(replies, tiny_model, malformed="skip"), 1, 1)
    assert (rows[0].file, rows[0].line, rows[0].cells) == ("replies.jsonl", 2, {})
    assert "Line 2 of 'replies.jsonl' is not valid JSON at column 2" in rows[0].problem
    assert found.skipped_rows["malformed line"] == (2,)
    assert "column 2" in found.details["2"]


def test_cancel_while_tokens_are_counted_stops_the_task(replies, tiny_model, tmp_path):
    append(tmp_path, Cancel())
    with pytest.raises(StoppedError):
        inspect(InspectTask(draft(replies, tiny_model)), Desk(tmp_path))


def test_the_task_ends_when_nobody_asks_any_more(replies, tiny_model, tmp_path):
    inspect(InspectTask(draft(replies, tiny_model)), Desk(tmp_path), idle_seconds=0.0)
    assert isinstance(events_of(tmp_path)[-2], Inspected)


def test_unusable_data_is_an_error_of_the_task(tmp_path, tiny_model):
    path = tmp_path / "empty.jsonl"
    path.write_text("")
    with pytest.raises(DataError, match=r"no examples in 'empty\.jsonl'"):
        inspect(InspectTask(draft(path, tiny_model)), Desk(tmp_path))


def test_the_first_look_needs_no_torch():
    code = "import sys, engine.use.inspect; sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def wait_for(holds, seconds=20.0):
    until = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.02)


# Token texts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["hello dog", "🦊 über 日本", "a\ufffdb", "  two  spaces ", "\n\n"])
def test_token_texts_joined_read_as_the_text(text):
    tokenizer = tiny_tokenizer()
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert "".join(token_texts(tokenizer, ids)) == text


def test_half_a_character_at_the_end_is_shown_as_such():
    tokenizer = tiny_tokenizer()
    ids = tokenizer("a🦊", add_special_tokens=False)["input_ids"]
    assert token_texts(tokenizer, ids[:-1])[-1].endswith("\ufffd")
    assert token_texts(tokenizer, ids) == ["a", *[""] * (len(ids) - 2), "🦊"]
