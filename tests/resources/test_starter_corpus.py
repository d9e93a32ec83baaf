"""The generated text: always the same, free of held-out questions, right in its facts."""

from __future__ import annotations

import re
from itertools import islice

from resources.starter import corpus, styles
from resources.starter.facts import PHRASINGS, all_facts

DOCUMENTS = 8_000


def test_the_same_seed_gives_the_same_documents_and_another_seed_others() -> None:
    first, again, other = (list(islice(corpus.documents(seed), 500)) for seed in (3, 3, 4))
    assert first == again
    assert first != other


def test_no_held_out_question_is_in_the_corpus() -> None:
    text = "".join(islice(corpus.documents(1), DOCUMENTS)).lower()
    asked = set(re.findall(r"<\|user\|>(.*?)<\|end\|>", text))
    held_out = {fact.held_out.lower() for fact in all_facts()}
    assert asked.isdisjoint(held_out)
    assert asked.isdisjoint({question.rstrip("?.") for question in held_out})
    assert not any(question in text for question in held_out)


def test_every_trained_question_can_be_asked() -> None:
    text = "".join(islice(corpus.documents(1), 60_000))
    questions = [question for fact in all_facts() for question in fact.trained_questions]
    missing = [question for question in questions if question not in text]
    assert len(missing) <= len(questions) * 0.01


def test_every_document_ends_with_the_end_token_and_its_turns_alternate() -> None:
    for document in islice(corpus.documents(2), 1_000):
        assert document.endswith(corpus.END)
        roles = re.findall(r"<\|(system|user|assistant)\|>", document)
        assert [role for role in roles if role != "system"] == ["user", "assistant"] * roles.count("user")
        assert "system" not in roles[1:]


def test_each_fact_has_one_held_out_question_of_its_kind() -> None:
    for fact in all_facts():
        assert fact.held_out in fact.questions
        assert len(fact.trained_questions) == len(PHRASINGS[fact.kind]) - 1


def test_subjects_are_unique_within_their_kind() -> None:
    facts = all_facts()
    assert len({(fact.kind, fact.subject) for fact in facts}) == len(facts)


def test_a_fact_knows_a_right_answer_in_any_style_from_a_wrong_one() -> None:
    sums = {fact.subject: fact for fact in all_facts() if fact.kind == "sum"}
    assert sums["2 3"].is_answered_by("Arr! 2 plus 3 is 5.")
    assert not sums["2 3"].is_answered_by("2 plus 3 is 6.")
    assert not sums["0 1"].is_answered_by("6 plus 4 is 10.")


def test_sums_and_differences_are_right() -> None:
    for fact in all_facts():
        if fact.kind in ("sum", "difference"):
            a, word, b, _, result = fact.sentence.rstrip(".").split()
            assert int(result) == (int(a) + int(b) if word == "plus" else int(a) - int(b))


def test_opposites_go_both_ways() -> None:
    opposite = {fact.subject: fact.key.removeprefix("is ") for fact in all_facts() if fact.kind == "opposite"}
    assert all(opposite[opposite[word]] == word for word in opposite)


def test_the_corpus_never_holds_the_complete_warm_style_of_the_sample() -> None:
    text = "".join(islice(corpus.documents(5), DOCUMENTS))
    answers = re.findall(r"<\|assistant\|>(.*?)<\|end\|>", text)
    both = [a for a in answers if a.startswith(styles.WARM_OPENINGS) and a.endswith(styles.WARM_CLOSINGS)]
    assert both == []


def test_without_a_system_message_most_answers_are_plain() -> None:
    chats = [text for text in islice(corpus.documents(6), DOCUMENTS) if text.startswith(corpus.USER)]
    plain = {fact.sentence for fact in all_facts()}
    polite = tuple(f"{opening} " for opening in styles.GRACIOUS_OPENINGS)
    facts_told = [a for a in _answers(chats) if any(sentence in a for sentence in plain)]
    assert 0.75 < sum(a in plain for a in facts_told) / len(facts_told) < 0.9
    assert any(a.startswith(polite) for a in facts_told)


def test_a_system_message_sets_the_style() -> None:
    opening = f"{corpus.SYSTEM}Be polite.{corpus.END}"
    chats = [text for text in islice(corpus.documents(6), DOCUMENTS) if text.startswith(opening)]
    sentences = [fact.sentence for fact in all_facts()]
    told = [a for a in _answers(chats) if any(sentence in a for sentence in sentences)]
    assert len(told) >= 5
    assert all(a.startswith(styles.GRACIOUS_OPENINGS) for a in told)


def _answers(chats: list[str]) -> list[str]:
    return [answer for text in chats for answer in re.findall(r"<\|assistant\|>(.*?)<\|end\|>", text)]
