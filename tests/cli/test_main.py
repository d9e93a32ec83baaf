"""The ways in: `python -m engine`, the script `tunewright`, and what an unexpected error looks like."""

import importlib.util

import pytest

from engine import __main__ as entry
from engine.cli import parser
from engine.cli.verb import Verb


def test_the_module_without_a_verb_prints_its_help(call):
    done = call()
    assert done.code == 2
    assert "train" in done.err
    assert done.out == ""


def test_the_script_without_a_verb_opens_the_window(monkeypatch):
    monkeypatch.setattr(entry, "open_window", lambda: 7)
    assert entry.main([]) == 7


def test_without_the_window_the_script_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert entry.main([]) == 2
    assert "tunewright[window]" in capsys.readouterr().err


def test_the_script_with_a_verb_is_the_command_line(capsys):
    assert entry.main(["runs", "list"]) == 0
    assert "There are no runs" in capsys.readouterr().out


def test_an_unexpected_error_is_a_sentence_before_it_is_a_traceback(call, monkeypatch):
    def break_down(options, output):
        raise ZeroDivisionError("oh")

    monkeypatch.setattr(parser, "VERBS", (Verb("broken", "Breaks.", run=break_down),))
    done = call("broken")
    assert done.code == 1
    assert done.err.startswith("Something unexpected happened: ZeroDivisionError('oh')")
    assert "break_down" in done.err


def test_an_interrupt_is_a_stop(call, monkeypatch):
    def interrupt(options, output):
        raise KeyboardInterrupt

    monkeypatch.setattr(parser, "VERBS", (Verb("slow", "Waits.", run=interrupt),))
    assert call("slow").code == 3


def test_every_verb_of_the_interface_is_there():
    names = {verb.name for verb in parser.VERBS}
    asked = (
        "train resume watch control compare export inspect estimate models runs benchmark selftest example"
    )
    assert names == set(asked.split())


def test_every_verb_explains_itself(capsys):
    for verb in parser.VERBS:
        with pytest.raises(SystemExit) as ended:
            parser.build_parser().parse_args([verb.name, "--help"])
        assert ended.value.code == 0
        assert verb.help in " ".join(capsys.readouterr().out.split())
