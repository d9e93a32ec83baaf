import io

import pytest

from engine.cli.output import Output
from engine.cli.progress import EventPrinter, size
from engine.job.events import Phase, Prepared, Progress, Sampled, Step
from engine.job.expert_events import Routing
from engine.library.arithmetic import time_words


class Terminal(io.StringIO):
    def isatty(self):
        return True


def step(number, steps=100):
    return Step(
        step=number,
        steps=steps,
        epoch=0.0,
        loss=0.5,
        learning_rate=1e-3,
        gradient_norm=None,
        tokens=1,
        tokens_per_second=10.0,
        memory=0,
        seconds=0.1,
    )


def shown(events, err):
    printer = EventPrinter(Output(out=io.StringIO(), err=err))
    for event in events:
        printer.show(event)
    printer.close()
    return err.getvalue()


def test_without_a_terminal_a_run_of_100_steps_prints_eleven_lines():
    text = shown([step(n) for n in range(1, 101)], io.StringIO())
    assert text.count("\n") == 11  # the first step and every tenth
    assert "step 100/100  loss 0.5" in text


def test_a_terminal_gets_one_bar_that_moves():
    text = shown([step(n) for n in range(1, 101)], Terminal())
    assert "100/100" in text
    assert "loss 0.5" in text
    assert text.count("\n") == 1


def test_a_sample_is_shown_without_its_control_characters():
    text = shown([Sampled(step=3, prompt="Hi", answer="a\x1b[2Jb")], io.StringIO())
    assert text == "step 3  Hi  ->  a\ufffd[2Jb\n"


def test_a_phase_is_told_once():
    assert shown([Phase(name="model", title="Loading the model")], io.StringIO()) == "Loading the model ...\n"


def test_a_download_without_a_terminal_tells_every_tenth():
    events = [Progress("Downloading", n * 1_000_000, 100_000_000, "bytes") for n in range(101)]
    assert shown(events, io.StringIO()).count("\n") == 11


@pytest.mark.parametrize(
    ("count", "words"), [(0, "0 bytes"), (999, "999 bytes"), (4_100_000, "4.1 MB"), (2e12, "2000.0 GB")]
)
def test_sizes_are_told_in_words(count, words):
    assert size(count) == words


@pytest.mark.parametrize(("seconds", "words"), [(8, "8 s"), (125, "2 min 05 s"), (4800, "1 h 20 min")])
def test_times_are_told_in_words(seconds, words):
    assert time_words(seconds) == words


def routing(number, dead=()):
    return Routing(
        step=number,
        shares=((0.5, 0.5), (0.25, 0.75)),
        load_entropy=0.9,
        max_load=1.5,
        router_entropy=0.8,
        top_probability=0.6,
        balance=2.125,
        uniform=2.0,
        dead=dead,
    )


def test_how_experts_are_used_is_one_short_line():
    text = shown([routing(1)], io.StringIO())
    assert text == "step 1  experts: 90% even, busiest 1.5 times the mean, balance 2.125 (2 is even)\n"
    assert "1 of 4 without text" in shown([routing(1, ((1, 0),))], io.StringIO())


def test_a_run_of_400_looks_prints_few_lines_about_experts():
    first = Prepared("cpu", "float32", "", 1, 1, 0, 0, 1, 1, 1, 1, 400, 1, 1, 1)
    text = shown([first, *(routing(n) for n in range(1, 401))], io.StringIO())
    assert text.count("experts:") == 11
