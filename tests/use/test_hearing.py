import pytest

from engine.job.channel import Desk, append
from engine.job.commands import Ask, Cancel, Stop
from engine.job.errors import StoppedError
from engine.use.hearing import Ears


def ask(number):
    return Ask(prompt="?", prompt_number=number)


def test_questions_come_in_order_and_those_that_come_meanwhile_too(tmp_path):
    ears = Ears(Desk(tmp_path))
    append(tmp_path, ask(0))
    ears.listen(now=True)
    heard = []
    for question in ears.questions():
        heard.append(question.prompt_number)
        if question.prompt_number == 0:
            append(tmp_path, ask(1))
    assert heard == [0, 1]


def test_stop_forgets_what_was_asked_before_it_only(tmp_path):
    ears = Ears(Desk(tmp_path))
    for command in (ask(0), Stop(), ask(1)):
        append(tmp_path, command)
    assert ears.wants_quiet()
    assert [question.prompt_number for question in ears.questions()] == [1]
    assert not ears.is_stopped


def test_cancel_ends_everything(tmp_path):
    ears = Ears(Desk(tmp_path))
    append(tmp_path, ask(0))
    append(tmp_path, Cancel())
    with pytest.raises(StoppedError):
        ears.obey()
    assert not list(ears.questions())


def test_it_looks_at_the_file_no_more_than_twenty_times_a_second(tmp_path):
    desk = Desk(tmp_path)
    looks = []
    desk.heard = lambda: looks.append(1) or []
    ears = Ears(desk)
    for _ in range(50):
        ears.wants_quiet()
    assert len(looks) <= 3
