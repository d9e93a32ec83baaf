import io
import json

import pytest

from engine.cli.inspecting import coloured
from engine.cli.output import Output
from engine.job.events import Token

TOKENS = (
    Token(1, "<|user|>", "prompt"),
    Token(2, "Hi", "prompt"),
    Token(3, "he", "trained"),
    Token(4, "llo", "trained"),
)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_without_colours_what_is_learned_is_marked():
    assert coloured(TOKENS, Output(out=io.StringIO())) == "<|user|>Hi«hello»"


def test_on_a_terminal_each_kind_has_its_colour(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert coloured(TOKENS, Output(out=Terminal())) == "\x1b[2m<|user|>Hi\x1b[0m\x1b[32mhello\x1b[0m"


def test_control_characters_in_data_do_not_reach_the_terminal():
    assert coloured((Token(1, "\x1b[2J", "prompt"),), Output(out=io.StringIO())) == "\ufffd[2J"


@pytest.mark.slow
def test_a_file_is_inspected_as_the_model_sees_it(call, rows, tiny_model):
    done = call("inspect", rows, "--model", tiny_model, "--rows", 1, "--json")

    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert (values["shape"], values["rows"], values["usable"]) == ("instruction", 12, 12)
    [row] = values["shown"]
    learned = "".join(token["text"] for token in row["tokens"] if token["kind"] == "trained")
    assert learned.startswith("hello")
    assert learned.endswith("<|end|>")
