"""The bundle's program decides between the window and the command line."""

import sys

import pytest

import start


@pytest.mark.parametrize(
    ("program", "arguments", "window"),
    [
        ("tunewright", [], True),
        ("tunewright", ["--selftest"], True),
        ("tunewright", ["train", "job.toml"], False),
        ("tunewright", ["--help"], False),
        ("tunewright-window", [], True),
        ("tunewright-window", ["replies.jsonl"], True),
        ("tunewright-window", ["worker", "/runs/1"], False),
    ],
)
def test_the_program_opens_the_window_or_does_what_it_is_asked(program, arguments, window):
    assert start.is_for_window(program, arguments) is window


def test_a_program_without_a_console_may_still_print(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    start.give_missing_streams()
    with sys.stdout as given:
        print("nobody reads this")
        assert given.writable()
