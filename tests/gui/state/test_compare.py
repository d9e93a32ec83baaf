import json

import pytest

from engine.job.commands import Ask
from engine.job.events import Answered, Failed, Loaded, Piece, Ready
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed, TokenRoute
from engine.job.record import read_record
from gui.state.compare import VOTES_FILE, CompareState, Sampling, run_of_source, run_source
from tests.gui.windows import StillEngine, ended_run, quick_job


@pytest.fixture
def run(qapp):
    return ended_run(quick_job())


@pytest.fixture
def compare(run):
    state = CompareState(StillEngine())
    state.set_models([("starter", "Starter"), (str(run), "polite replies")], run)
    return state


def answer(compare, *texts):
    """Play the engine's part for the newest question."""
    engine, folder = compare._task._engine, compare._task.folder
    number = engine.sent[-1][1].prompt_number
    for column, text in enumerate(texts):
        engine.tell(folder, Loaded(column, "", "weights", "abcd 0123", 1, "float32"))
        for letter in text:
            engine.tell(folder, Piece(column, number, letter))
        engine.tell(folder, Answered(column, number, text, len(text), 0.1, True))
    engine.tell(folder, Ready())


def ask(compare, prompt, *texts):
    compare.ask(prompt)
    answer(compare, *texts)


def test_the_same_question_goes_to_both_with_one_seed(compare):
    compare.sampling = Sampling(seed=7, temperature=0.5, max_new_tokens=20)
    compare.ask("Hello?")
    asked = compare._task._engine.sent[-1][1]
    assert isinstance(asked, Ask)
    assert (asked.prompt, asked.seed, asked.temperature, asked.max_new_tokens) == ("Hello?", 7, 0.5, 20)
    assert compare.is_busy
    answer(compare, "Hi.", "Good day!")
    assert [column.text for column in compare.columns] == ["Hi.", "Good day!"]
    assert compare.is_complete
    assert not compare.is_busy


def test_pieces_of_an_earlier_question_are_passed_over(compare):
    ask(compare, "One?", "a", "b")
    compare.ask("Two?")
    compare._task._engine.tell(compare._task.folder, Piece(0, 1, "late"))
    assert compare.columns[0].text == ""


def test_votes_are_counted_kept_with_the_run_and_can_be_changed(compare, run):
    ask(compare, "One?", "a", "b")
    compare.vote("1")
    compare.vote("0")
    ask(compare, "Two?", "c", "d")
    compare.vote("same")
    assert compare.tally() == {"0": 1, "1": 0, "same": 1}
    assert read_record(run).votes == {"base": 1, "same": 1, "run": 0}
    kept = [json.loads(line) for line in (run / VOTES_FILE).read_text().splitlines()]
    assert kept == [
        {"prompt": "One?", "answers": ["a", "b"], "vote": "0"},
        {"prompt": "Two?", "answers": ["c", "d"], "vote": "same"},
    ]


def test_no_vote_before_both_have_answered(compare):
    compare.ask("One?")
    compare.vote("1")
    assert compare.history == []


def test_decided_votes_become_preference_rows(compare):
    ask(compare, "One?", "worse", "better")
    compare.vote("1")
    ask(compare, "Two?", "c", "d")
    compare.vote("same")
    ask(compare, "Three?", "equal", "equal")
    compare.vote("0")
    assert compare.preference_rows() == [{"prompt": "One?", "chosen": "better", "rejected": "worse"}]


def test_a_failure_is_told_and_the_next_question_starts_anew(compare):
    said = []
    compare.failed.connect(lambda title, advice: said.append(title))
    compare.ask("One?")
    compare._task._engine.tell(compare._task.folder, Failed("Memory ran out.", "Close programs."))
    assert said == ["Memory ran out."]
    assert not compare.is_busy
    compare.ask("Again?")
    assert len(compare._task._engine.started) == 2


def test_at_most_four_columns(compare):
    compare.set_models([(str(number), str(number)) for number in range(6)])
    assert len(compare.columns) == 4


def test_a_source_names_a_run_and_its_step(run):
    assert run_of_source(run_source(run, 12)) == run
    assert run_of_source("starter") is None


def routes(*experts):
    return tuple(TokenRoute(n, n + 1, ((e, 1 - e),), ((0.7, 0.3),)) for n, e in enumerate(experts))


def test_where_the_tokens_of_every_question_went_is_kept_with_the_column(compare):
    engine, folder = compare._task._engine, None
    told = []
    compare.routed.connect(told.append)
    for number, experts in ((1, (0, 1)), (2, (1, 1))):
        compare.ask(f"Question {number}?")
        folder = compare._task.folder
        engine.tell(folder, ExpertsLoaded(1, 2, 2, (3,)))
        assert compare.routing(compare.columns[1]) is None
        engine.tell(folder, PromptRouted(1, number, 4, ((3, 1),)))
        engine.tell(folder, Routed(1, number, 0, routes(*experts)))
        answer(compare, "ab", "cd")
    base, mixture = compare.columns
    assert told == [1, 1, 1, 1]
    assert (base.mixture, base.routings) == (None, {})
    assert [routing.prompt for routing in mixture.routings.values()] == ["Question 1?", "Question 2?"]
    assert mixture.routings[1].answer_counts(0, 2) == [1, 1]
    assert mixture.routings[1].tokens == []  # only the answer that is shown is coloured
    assert [t.experts[0][0] for t in mixture.routings[2].tokens] == [1, 1]
    assert mixture.routings[2].counts == ((3, 1),)
    engine.tell(folder, Routed(1, 1, 0, routes(0, 0, 0)))  # of the earlier question, too late
    assert mixture.routings[1].answer_counts(0, 2) == [1, 1]
    compare.close()
    assert compare.routing(mixture) is mixture.routings[2]  # still shown when the page is opened again
    compare.set_models([("starter", "Starter")])
    assert compare.columns[0].routings == {}
