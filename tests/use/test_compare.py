import shutil
import threading
import time

import pytest

from engine.job.channel import Desk, append, events_of
from engine.job.commands import Ask, Cancel, Stop
from engine.job.errors import JobError, StoppedError
from engine.job.events import Answered, Loaded, Piece, Ready, Remark
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed
from engine.job.tasks import ChatTask
from engine.use.compare import chat
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_tokenizer


def ask(number, prompt="how are you?", **changes):
    return Ask(prompt=prompt, prompt_number=number, max_new_tokens=changes.pop("tokens", 12), **changes)


def answers(folder):
    return [event for event in events_of(folder) if isinstance(event, Answered)]


def test_every_column_answers_every_question_in_turn(base, run, tmp_path):
    for number in (0, 1):
        append(tmp_path, ask(number))
    chat(ChatTask(models=(str(base), str(run)), stay=False), Desk(tmp_path))
    events = events_of(tmp_path)
    loaded = [event for event in events if isinstance(event, Loaded)]
    assert [event.weights for event in loaded] == ["Base weights, no adapter", "Adapter from step 7"]
    assert [(event.prompt, event.column) for event in answers(tmp_path)] == [(0, 0), (0, 1), (1, 0), (1, 1)]
    first, tuned = answers(tmp_path)[:2]
    assert first.text != tuned.text
    assert isinstance(events[-1], Ready)


def test_the_pieces_of_an_answer_are_its_text(base, tmp_path):
    append(tmp_path, ask(0, tokens=40, temperature=1.5))
    chat(ChatTask(models=(str(base),), stay=False), Desk(tmp_path))
    pieces = [event.text for event in events_of(tmp_path) if isinstance(event, Piece)]
    assert "".join(pieces) == answers(tmp_path)[0].text


def test_the_same_seed_gives_the_same_answer_in_two_sessions(base, tmp_path):
    texts = []
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        append(folder, ask(0, temperature=1.0, seed=3))
        append(folder, ask(1, temperature=1.0, seed=4))
        chat(ChatTask(models=(str(base),), stay=False), Desk(folder))
        texts.append([event.text for event in answers(folder)])
    assert texts[0] == texts[1]
    assert texts[0][0] != texts[0][1]


def test_a_prompt_that_is_too_long_is_told_and_the_next_one_answered(base, tmp_path):
    append(tmp_path, ask(0, "hello " * 400))
    append(tmp_path, ask(1))
    chat(ChatTask(models=(str(base),), stay=False), Desk(tmp_path))
    (remark,) = [event for event in events_of(tmp_path) if isinstance(event, Remark)]
    assert "takes at most 128" in remark.title
    assert [(event.prompt, event.tokens > 0) for event in answers(tmp_path)] == [(0, False), (1, True)]


def test_it_waits_for_questions_until_it_is_cancelled(base, tmp_path):
    worker = threading.Thread(target=chat, args=(ChatTask(models=(str(base),)), Desk(tmp_path)))
    worker.start()
    wait_for(lambda: any(isinstance(event, Ready) for event in events_of(tmp_path)))
    append(tmp_path, ask(0))
    wait_for(lambda: answers(tmp_path))
    append(tmp_path, Cancel())
    worker.join(10)
    assert not worker.is_alive()


def test_stop_ends_the_answer_in_hand_and_forgets_the_questions_before_it(base, tmp_path):
    desk = Desk(tmp_path)
    worker = threading.Thread(target=chat, args=(ChatTask(models=(str(base),)), desk))
    worker.start()
    wait_for(lambda: any(isinstance(event, Ready) for event in events_of(tmp_path)))
    append(tmp_path, ask(0))
    append(tmp_path, Stop())
    append(tmp_path, ask(1))
    wait_for(lambda: any(event.prompt == 1 for event in answers(tmp_path)))
    append(tmp_path, Cancel())
    worker.join(10)
    assert answers(tmp_path)[-1].tokens == 12


def test_a_cancel_before_the_models_are_loaded_ends_it(base, tmp_path):
    append(tmp_path, Cancel())
    with pytest.raises(StoppedError):
        chat(ChatTask(models=(str(base),)), Desk(tmp_path))


def test_it_ends_when_nobody_asks_any_more_or_its_folder_is_gone(base, tmp_path):
    chat(ChatTask(models=(str(base),)), Desk(tmp_path), idle_seconds=0.1)
    folder = tmp_path / "gone"
    folder.mkdir()
    worker = threading.Thread(target=chat, args=(ChatTask(models=(str(base),)), Desk(folder)))
    worker.start()
    wait_for(lambda: any(isinstance(event, Ready) for event in events_of(folder)))
    shutil.rmtree(folder)
    worker.join(10)
    assert not worker.is_alive()


def test_a_comparison_without_models_is_refused(tmp_path):
    with pytest.raises(JobError, match=r"chat\.models"):
        chat(ChatTask(), Desk(tmp_path))


def test_a_column_with_experts_tells_where_each_token_went_and_a_dense_one_nothing(base, tmp_path):
    mixture = tmp_path / "mixture"
    model_of("mixtral").save_pretrained(mixture)
    tiny_tokenizer().save_pretrained(mixture)
    folder = tmp_path / "task"
    folder.mkdir()
    for number in (0, 1):
        append(folder, ask(number, tokens=20, temperature=1.0))
    chat(ChatTask(models=(str(base), str(mixture)), stay=False), Desk(folder))
    events = events_of(folder)
    (found,) = [event for event in events if isinstance(event, ExpertsLoaded)]
    assert (found.column, found.experts, found.top_k, found.layers) == (1, 4, 2, (0, 1))
    parts = [event for event in events if isinstance(event, Routed)]
    assert {event.column for event in parts} == {1}
    for event in answers(folder):
        tokens = [token for part in parts if part.prompt == event.prompt for token in part.tokens]
        if event.column == 0:
            continue
        assert len(tokens) == event.tokens - 1
        assert all(
            len(layer) == 2 and sum(layer) == pytest.approx(1, abs=1e-3) for layer in tokens[3].weights
        )
        assert tokens[-1].end <= len(event.text)
        # Told before the answer is complete: colours are there when it is.
        assert max(events.index(p) for p in parts if p.prompt == event.prompt) < events.index(event)
    prompts = [event for event in events if isinstance(event, PromptRouted)]
    assert [(event.column, event.prompt) for event in prompts] == [(1, 0), (1, 1)]
    assert all(sum(layer) == event.tokens for event in prompts for layer in event.counts)


def wait_for(is_so, seconds=20.0):
    deadline = time.monotonic() + seconds
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.02)
