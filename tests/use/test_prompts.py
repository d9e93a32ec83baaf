import dataclasses
import json

from engine.job.job import Job
from engine.job.sections import DataSource, RowsSection, WatchSection
from engine.use import prompts
from engine.use.prompts import trial_prompts, words_of


def job(folder, examples, **changes):
    path = folder / "rows.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in examples), encoding="utf-8")
    return dataclasses.replace(Job(data=(DataSource(path=str(path)),)), **changes)


def pairs(count):
    return [{"prompt": f"question {number}", "completion": "answer"} for number in range(count)]


def test_watched_prompts_come_first_then_rows_that_were_kept_back(tmp_path):
    asked = job(tmp_path, pairs(40), watch=WatchSection(prompts=("mine",)), rows=RowsSection(validation=0.2))
    prompts = trial_prompts(asked)
    assert prompts[0] == "mine"
    assert len(prompts) == len(set(prompts)) == 12
    fewer = trial_prompts(dataclasses.replace(asked, watch=WatchSection()), most=8)
    assert fewer == prompts[1:9]  # the eight that were kept back


def test_a_prompt_with_a_system_message_stays_a_conversation(tmp_path):
    turns = [
        {"role": "system", "content": "Be kind."},
        {"role": "user", "content": "Hi?"},
        {"role": "assistant", "content": "Hello."},
    ]
    (prompt,) = trial_prompts(job(tmp_path, [{"messages": turns}]))
    assert prompt == turns[:2]
    assert words_of(prompt) == "Hi?"


def test_without_the_data_plain_questions_are_asked():
    gone = Job(data=(DataSource(path="/nowhere/rows.jsonl"),))
    assert trial_prompts(gone)


def test_prompts_that_read_like_control_tokens_are_passed_over(tmp_path):
    rows = [{"prompt": "What is <|end|> for?", "completion": "a"}, *pairs(3)]
    asked = job(
        tmp_path, rows, watch=WatchSection(prompts=("Say <|end|>", "mine")), rows=RowsSection(validation=0.0)
    )
    assert trial_prompts(asked, ("<|end|>", "<s>")) == ["mine", "question 0", "question 1", "question 2"]
    assert (
        trial_prompts(job(tmp_path, rows[:1], rows=RowsSection(validation=0.0)), ("<|end|>",))[0] == "Hello."
    )


def test_no_more_rows_are_built_than_are_asked(tmp_path, monkeypatch):
    built = []
    original = prompts._prompt
    monkeypatch.setattr(prompts, "_prompt", lambda row: built.append(row) or original(row))
    assert len(trial_prompts(job(tmp_path, pairs(500), rows=RowsSection(validation=0.0)))) == 12
    assert len(built) <= 13
