import io
import json

import pytest

from engine.cli.inspecting import coloured, shown
from engine.cli.output import Output
from engine.job.events import RowView, Token

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
    assert len(row["ids"]) == len(row["trained"]) == len(row["tokens"])
    assert [segment["kind"] for segment in row["segments"]] == ["prompt", "trained"]
    assert row["text"][1] == learned
    assert values["end_tokens"] == ["<|end|>"]
    assert {"skipped_rows", "duplicates", "percentiles", "trained_share", "cut", "template"} <= set(values)


@pytest.mark.slow  # a worker process loads the tokenizer
def test_pairs_are_inspected_for_a_method_that_fits(call, tmp_path, tiny_model):
    path = tmp_path / "pairs.jsonl"
    pairs = [{"prompt": f"q{n}", "chosen": "good", "rejected": "worse"} for n in range(6)]
    path.write_text("".join(json.dumps(pair) + "\n" for pair in pairs))
    done = call("inspect", path, "--model", tiny_model, "--rows", 1, "--json")
    assert done.code == 0, done.err
    values = json.loads(done.out)
    assert (values["rows_kind"], values["remarks"]) == ("preference", [])
    [row] = values["shown"]
    assert row["text"][1] == "good<|end|>"
    assert row["rejected"]["text"][1] == "worse<|end|>"
    assert row["ids"][: row["shared"]] == row["rejected"]["ids"][: row["shared"]]
    assert row["trained"].index(True) == row["shared"] == row["rejected"]["trained"].index(True)


def test_cut_tokens_stand_in_the_segments_alone():
    tokens = (Token(1, "a", "cut"), Token(2, "b", "prompt"), Token(3, "c", "trained"))
    row = shown(RowView(1, {}, tokens))
    assert (row["ids"], row["trained"], row["text"]) == ([2, 3], [False, True], ["a", "b", "c"])
    assert row["rejected"] is None
