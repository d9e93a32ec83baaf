import dataclasses
import math

import torch

from engine.use.receipt import Expected, checks, largest_difference, same_answers
from engine.use.stranger import Reopened
from engine.use.trial import Trial
from tests.models.tiny_models import tiny_tokenizer


def trial(texts=("one", "two"), shift=0.0, ended=(True, True), ids=((3, 4), (3, 5))):
    logits = [torch.tensor([1.0, 2.0 + shift]) for _ in texts]
    return Trial(["a", "b"], [list(i) for i in ids], list(texts), list(ended), logits)


def expected(**changes):
    same = trial()
    facts = Expected(same, same, "float32", (2,), tiny_tokenizer(), "Adapter merged.", True)
    return dataclasses.replace(facts, **changes)


def found(answers=None, **changes):
    facts = Reopened(answers or trial(), parameters=1_900_000, eos=(2,), has_template=True)
    return dataclasses.replace(facts, **changes)


def failed(lines):
    return [line.title for line in lines if not line.passed]


def test_all_is_well():
    lines = list(checks(expected(), found()))
    assert len(lines) == 5
    assert not failed(lines)
    assert "1.9 million" in lines[0].detail
    assert "<|end|> is set; 2 of 2" in lines[3].detail


def test_an_export_that_does_not_open_gives_one_line():
    (line,) = checks(expected(), found(problem="It ended with code 1: no config"))
    assert not line.passed
    assert "no config" in line.detail


def test_one_other_word_is_found():
    line = same_answers(expected(), trial(("one", "too"), shift=0.25))
    assert not line.passed
    assert line.detail == "1 of 2 prompts, word for word. Largest difference 0.25."


def test_no_answer_at_all_proves_nothing():
    nothing = Trial([], [], [], [], [])
    assert not same_answers(expected(same=nothing, compare=nothing), nothing).passed


def test_other_numbers_than_compares_are_named():
    line = same_answers(expected(compare=trial(("one", "other")), dtype="bfloat16"), trial())
    assert line.passed
    assert line.title == "It gives the same answers as the tuned model in 16-bit (bfloat16)"
    assert "there 1 of 2 are the same" in line.detail


def test_other_numbers_that_answer_as_compare_did_are_the_same():
    line = same_answers(expected(compare=trial(), dtype="bfloat16"), trial())
    assert (line.title, line.passed) == ("It gives the same answers as in Compare", True)


def test_a_coarser_file_may_differ_a_little_but_not_much():
    near = same_answers(expected(is_exact=False), trial(("one", "too"), shift=0.05))
    far = same_answers(expected(is_exact=False), trial(("one", "too"), shift=0.5))
    assert near.title == far.title == "Its answers stay close to those in Compare"
    assert (near.passed, far.passed) == (True, False)


def test_a_coarser_file_of_experts_is_judged_by_divergence():
    """Rounding may send a token to another expert, which moves single scores far."""
    facts = expected(is_exact=False, has_experts=True)
    line = same_answers(facts, trial(("one", "too"), shift=0.25))
    # ln of the ratio of both sums less .25 of the second's share: KL of softmax(1, 2) against softmax(1, 2.25)
    share = math.exp(2) / (math.exp(1) + math.exp(2))
    nats = math.log((math.exp(1) + math.exp(2.25)) / (math.exp(1) + math.exp(2))) - 0.25 * share
    assert line.passed
    assert f"divergence {nats:.1e} nats" in line.detail
    assert not same_answers(facts, trial(("one", "too"), shift=2.0)).passed


def test_a_missing_template_or_one_that_writes_otherwise_is_found():
    other = trial(ids=((3, 4), (3, 9)))
    for reopened in (found(has_template=False), found(other)):
        assert failed(checks(expected(), reopened)) == ["The chat template is inside"]


def test_a_model_for_running_text_needs_no_template():
    plain = expected(tokenizer=tiny_tokenizer(with_template=False))
    assert "It continues a text" in [line.title for line in checks(plain, found(has_template=False))]


def test_a_missing_end_token_and_answers_that_no_longer_end_are_found():
    assert failed(checks(expected(), found(eos=(7,)))) == ["It knows when to stop"]
    lines = list(checks(expected(), found(trial(ended=(True, False)))))
    assert failed(lines) == ["It knows when to stop"]
    assert "Before the export it was 2" in lines[3].detail


def test_a_change_that_rounded_away_is_found():
    assert failed(checks(expected(is_learned=False), found())) == ["What was learned is built in"]


def test_the_largest_difference_is_over_all_prompts_and_logits():
    assert largest_difference(trial(), trial(shift=-0.5)) == 0.5
