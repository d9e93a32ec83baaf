"""`compare --experts`: which experts each token went to, as values and as a table."""

import io
import json

import pytest

from engine.cli.answer_experts import HeardExperts, print_experts
from engine.cli.output import Output
from engine.job.events import Loaded
from engine.job.expert_events import ExpertsLoaded, PromptRouted, Routed, TokenRoute
from tests.models.all_families import model_of
from tests.models.tiny_models import tiny_tokenizer


def heard():
    found = HeardExperts()
    found.hear(Loaded(0, "Base", "", "", 1, "float32"))
    found.hear(Loaded(1, "Mixture", "", "", 1, "float32"))
    found.hear(ExpertsLoaded(1, 4, 2, (1, 3)))
    found.hear(PromptRouted(1, 0, 4, ((3, 1, 0, 0), (0, 0, 4, 0))))
    early = TokenRoute(0, 1, ((0, 1), (0, 1)), ((0.6, 0.4), (0.5, 0.5)))
    right = TokenRoute(0, 2, ((2, 1), (0, 3)), ((0.61, 0.39), (0.9, 0.1)))
    found.hear(Routed(1, 0, 0, (early,)))
    found.hear(Routed(1, 0, 0, (right,)))
    found.hear(Routed(1, 0, 1, (TokenRoute(2, 4, ((3, 0), (1, 2)), ((0.7, 0.3), (0.8, 0.2))),)))
    return found


def test_the_parts_are_put_together_and_counted_from_one():
    found = heard().values(1, 0, "Hi\n!")
    assert (found["layers"], found["experts"]) == ([2, 4], 4)
    assert found["prompt_shares"] == [[0.75, 0.25, 0, 0], [0, 0, 1, 0]]
    assert [token["text"] for token in found["tokens"]] == ["Hi", "\n!"]
    assert found["tokens"][0]["experts"] == [[3, 2], [1, 4]]
    assert found["tokens"][0]["weights"] == [[0.61, 0.39], [0.9, 0.1]]


def test_the_table_has_a_line_for_each_token():
    written = io.StringIO()
    print_experts(heard().values(1, 0, "Hi\n!"), Output(out=written))
    lines = [line.split() for line in written.getvalue().splitlines()]
    assert lines == [["token", "layer", "2", "layer", "4"], ['"Hi"', "3+2", "1+4"], ['"⏎!"', "4+1", "2+3"]]


def test_a_model_without_experts_says_so():
    assert heard().values(0, 0, "Hi") is None
    written = io.StringIO()
    print_experts(None, Output(out=written))
    assert "no experts" in written.getvalue()


@pytest.mark.slow(reason="the verb waits for a worker's three seconds of imports")
def test_the_verb_prints_them_where_it_is_asked_to(call, tmp_path):
    model_of("mixtral").save_pretrained(tmp_path / "mixture")
    tiny_tokenizer().save_pretrained(tmp_path / "mixture")
    asked = ("--prompt", "Say hello.", "--max-new-tokens", 6, "--device", "cpu", "--temperature", 1, "--json")
    done = call("compare", tmp_path / "mixture", *asked, "--experts")
    assert done.code == 0, done.err
    (answer,) = json.loads(done.out)["answers"]
    assert len(answer["experts"]["tokens"]) == 5
    assert {len(token["experts"]) for token in answer["experts"]["tokens"]} == {2}
    done = call("compare", tmp_path / "mixture", *asked)
    assert "experts" not in json.loads(done.out)["answers"][0]
