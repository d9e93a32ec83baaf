import io
import json

from engine.cli.output import Output, clean, one_line


def output(**options):
    return Output(out=io.StringIO(), err=io.StringIO(), **options)


def test_control_characters_of_a_model_do_not_reach_the_terminal():
    assert clean("a\x1b[31mred\x07\u202e") == "a\ufffd[31mred\ufffd\ufffd"


def test_lines_and_tabs_of_an_answer_stay():
    assert clean("one\r\ntwo\tthree") == "one\ntwo\tthree"


def test_a_long_text_is_cut_to_one_line():
    assert one_line("a b\n c d", 5) == "a b …"


def test_a_table_is_aligned_with_numbers_to_the_right():
    to = output()
    to.table(("Name", "Loss"), [("one", 1.5), ("three", 12)])
    assert to.out.getvalue().splitlines() == ["Name   Loss", "one     1.5", "three    12"]


def test_json_alone_stands_on_standard_output():
    to = output(as_json=True)
    to.text("words")
    to.table(("A",), [("b",)])
    to.result({"loss": float("nan")})
    assert json.loads(to.out.getvalue()) == {"loss": None}


def test_without_a_terminal_nothing_is_coloured():
    assert output().bold("a") == "a"


def test_half_a_character_is_printed_as_its_escape():
    out = io.TextIOWrapper(io.BytesIO(), encoding="utf-8")
    Output(as_json=True, out=out).result({"text": "a\ud83d", "whole": "🌤"})
    assert json.loads(out.buffer.getvalue()) == {"text": "a\ud83d", "whole": "🌤"}
    assert clean("a\ud83d🌤") == "a\ufffd🌤"
