"""What holds for any row, limit and way of cutting: nothing too long, no end lost, nothing made up."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.rows import Conversation, Message, Preference, Text
from engine.models.encoded import EncodedPair
from engine.models.template import Encoded, Refused, encode_rows, end_tokens
from engine.models.tokens import Passage, TextTokens
from tests.models.template_styles import STYLES
from tests.models.test_masks import CONTROLS, PARTS, SLY, TRAIN_ON, dialogues, opened, texts

NAMES = st.sampled_from(sorted(STYLES))
LIMITS = st.integers(8, 80)
TURN_BY_TURN = ["chatml", "llama 3", "zephyr", "phi", "command r"]
"""Styles that write every message by itself: without its oldest turns a dialogue is a part of the whole."""


def results(name, row, train_on="answers", limit=None, too_long="cut"):
    tokenizer, template = opened(name)
    return list(encode_rows([row], tokenizer, template, train_on, limit, too_long))


def sides_of(result):
    return (result.chosen, result.rejected) if isinstance(result, EncodedPair) else (result,)


def is_part(ids, whole):
    """Whether the ids stand in the whole in this order."""
    rest = iter(whole)
    return all(number in rest for number in ids)


def rows(parts=PARTS):
    said = texts(parts)
    pair = st.tuples(dialogues(parts), said).map(
        lambda found: Preference(1, found[0][:-1], found[0][-1:], (Message("assistant", found[1]),))
    )
    return st.one_of(
        dialogues(parts).map(lambda d: Conversation(1, d)), pair, said.map(lambda t: Text(1, t * 5))
    )


ANY_ROW = rows()


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    row=ANY_ROW,
    train_on=TRAIN_ON,
    limit=LIMITS,
    too_long=st.sampled_from(["cut", "trim", "drop"]),
)
def test_nothing_is_ever_longer_than_the_limit(name, row, train_on, limit, too_long):
    for result in results(name, row, train_on, limit, too_long):
        if isinstance(result, Refused):
            assert too_long != "cut"
            continue
        for side in sides_of(result):
            assert 0 < len(side.ids) <= limit
            assert len(side.trained) == len(side.ids)
            assert side.trained[0] is False
            assert too_long != "drop" or side.cut == 0


@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    row=ANY_ROW,
    train_on=TRAIN_ON,
    limit=LIMITS,
    too_long=st.sampled_from(["cut", "trim", "drop"]),
)
def test_the_end_token_of_a_row_that_is_not_cut_is_learned(name, row, train_on, limit, too_long):
    tokenizer, template = opened(name)
    ends = end_tokens(tokenizer, template)
    for result in results(name, row, train_on, limit, too_long):
        if isinstance(result, Refused):
            continue
        for side in sides_of(result):
            if side.cut == 0 and side.parts == 1 and train_on != "everything":
                last = max(index for index, is_learned in enumerate(side.trained) if is_learned)
                assert side.ids[last] in ends


@settings(max_examples=150, deadline=None)
@given(name=NAMES, dialogue=dialogues(), limit=LIMITS)
def test_trimming_keeps_the_whole_last_answer_and_its_end_or_refuses_the_row(name, dialogue, limit):
    [whole] = results(name, Conversation(1, dialogue), "last-answer")
    answer = [number for number, is_learned in zip(whole.ids, whole.trained, strict=True) if is_learned]
    [trimmed] = results(name, Conversation(1, dialogue), "last-answer", limit, "trim")
    if isinstance(trimmed, Refused):
        behind = whole.trained[::-1].index(True)  # what the template writes after the end token
        assert len(answer) + behind >= limit
        return
    kept = [number for number, is_learned in zip(trimmed.ids, trimmed.trained, strict=True) if is_learned]
    assert kept[-len(answer) :] == answer


@settings(max_examples=150, deadline=None)
@given(name=NAMES, dialogue=dialogues(), limit=LIMITS)
def test_a_cut_makes_no_end_token_up(name, dialogue, limit):
    tokenizer, template = opened(name)
    ends = set(end_tokens(tokenizer, template))
    [whole] = results(name, Conversation(1, dialogue))
    [cut] = results(name, Conversation(1, dialogue), limit=limit)
    for end in ends:
        assert cut.ids.count(end) <= whole.ids.count(end)


@settings(max_examples=150, deadline=None)
@given(
    name=st.sampled_from(TURN_BY_TURN),
    dialogue=dialogues(),
    limit=LIMITS,
    too_long=st.sampled_from(["cut", "trim"]),
)
def test_what_is_kept_stands_in_the_whole_in_the_same_order(name, dialogue, limit, too_long):
    [whole] = results(name, Conversation(1, dialogue))
    [kept] = results(name, Conversation(1, dialogue), "answers", limit, too_long)
    if not isinstance(kept, Refused):
        assert is_part(kept.ids, whole.ids)
        assert len(kept.ids) + kept.cut == len(whole.ids)


@settings(max_examples=100, deadline=None)
@given(name=NAMES, text=texts(PARTS), repeats=st.integers(1, 12), limit=st.integers(2, 40))
def test_the_pieces_of_a_text_are_the_text_and_each_token_is_learned_once(name, text, repeats, limit):
    row = Text(1, text * repeats)
    [whole], pieces = results(name, row), results(name, row, limit=limit)
    assert [*pieces[0].ids, *(number for piece in pieces[1:] for number in piece.ids[1:])] == whole.ids
    learned = [
        n for piece in pieces for n, is_learned in zip(piece.ids, piece.trained, strict=True) if is_learned
    ]
    assert learned == whole.ids[1:]


# Places -----------------------------------------------------------------------------------------------


@settings(max_examples=200, deadline=None)
@given(parts=st.lists(st.tuples(st.one_of(SLY, CONTROLS), st.booleans()), max_size=8))
def test_the_places_of_tokens_cover_the_text_in_order(parts):
    text, literal = "", []
    for part, is_literal in parts:
        if is_literal and part:
            literal.append((len(text), len(text) + len(part)))
        text += part
    [tokens] = TextTokens(opened("chatml")[0]).encode([Passage(text, tuple(literal))])
    reached = 0
    for start, end in tokens.spans:
        assert start <= reached <= end  # tokens that share a character have the same place
        reached = max(reached, end)
    assert reached == len(text)
    assert len(tokens.spans) == len(tokens.ids)


@settings(max_examples=100, deadline=None)
@given(text=texts(SLY), data=st.data())
def test_a_token_is_found_by_any_character_of_it(text, data):
    tokens, plain = TextTokens(opened("chatml")[0]).encode([Passage(text, ((0, len(text)),)), Passage(text)])
    for found in (tokens, plain):
        at = data.draw(st.integers(0, len(text) - 1))
        first, last = found.ending_after(at), found.starting_from(at)
        assert all(end <= at for _, end in found.spans[:first])
        assert found.spans[first][1] > at
        assert all(start < at for start, _ in found.spans[:last])
        assert last == len(found.ids) or found.spans[last][0] >= at


@pytest.mark.parametrize("name", STYLES)
def test_a_batch_gives_what_single_rows_give(name):
    tokenizer, template = opened(name)
    found = [
        Conversation(
            n, (Message("user", f"The sky {n}"), Message("assistant", "blue " * n + "</s>" * (n % 2)))
        )
        for n in range(1, 12)
    ]
    together = list(encode_rows(found, tokenizer, template, "answers", 30))
    alone = [one for row in found for one in encode_rows([row], tokenizer, template, "answers", 30)]
    assert together == alone
    assert all(isinstance(one, Encoded) for one in together)
