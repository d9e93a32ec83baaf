"""Rows that are too long: what is left out, and what never is."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.data.rows import Conversation, Message, Preference, Text
from engine.models.cutting import pieces
from engine.models.encoded import ANSWER_TOO_LONG, TOO_LONG
from engine.models.template import Refused, encode, encode_rows
from tests.models.template_styles import STYLES
from tests.models.test_template import DIALOGUE, chatml, learned_text, opened


def test_the_oldest_turns_go_first_and_the_system_message_stays():
    tokenizer, template = chatml()
    whole = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    cut = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", len(whole.ids) - 1)
    shorter = encode(Conversation(1, (DIALOGUE[0], *DIALOGUE[3:])), tokenizer, template, "answers", None)
    assert (cut.ids, cut.trained) == (shorter.ids, shorter.trained)
    assert cut.cut == len(whole.ids) - len(shorter.ids)


def test_then_the_prompt_loses_its_left_end_and_the_answer_stays_whole():
    tokenizer, template = opened(STYLES["llama 3"])
    last = (Message("user", "The cat says hello, and the dog says hello too. And the grass?"), DIALOGUE[4])
    whole = encode(Conversation(1, last), tokenizer, template, "answers", None)
    answer = [i for i, t in zip(whole.ids, whole.trained, strict=True) if t]
    limit = len(answer) + 9
    cut = encode(Conversation(1, last), tokenizer, template, "answers", limit)
    assert len(cut.ids) == limit
    assert cut.ids[0] == tokenizer.bos_token_id
    assert cut.ids[1:] == whole.ids[-(limit - 1) :]
    assert [i for i, t in zip(cut.ids, cut.trained, strict=True) if t] == answer
    assert cut.cut == len(whole.ids) - limit


def test_an_answer_that_is_too_long_itself_loses_its_end_and_no_end_token_is_made_up():
    tokenizer, template = chatml()
    row = Conversation(1, (Message("user", "Talk."), Message("assistant", "The sky is blue. " * 30)))
    whole = encode(row, tokenizer, template, "answers", None)
    cut = encode(row, tokenizer, template, "answers", 40)
    assert len(cut.ids) == 40
    assert cut.cut == len(whole.ids) - 40
    assert cut.trained == [False] * 10 + [True] * 30  # a quarter of the room is the prompt's
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    assert end not in cut.ids[10:]
    answer = [i for i, t in zip(whole.ids, whole.trained, strict=True) if t]
    assert cut.ids[10:] == answer[:30]


def test_a_text_that_is_too_long_is_divided_and_every_token_is_learned_once():
    tokenizer, template = chatml()
    long = Text(1, "The sky is blue. " * 30)
    whole = encode(long, tokenizer, template, "answers", None)
    parts = list(encode_rows([long, Text(2, "Short.")], tokenizer, template, "answers", 20))
    short = parts.pop()
    assert (short.number, short.parts) == (2, 1)
    assert [(part.number, part.part, part.parts) for part in parts] == [
        (1, at, len(parts)) for at in range(len(parts))
    ]
    learned = [i for part in parts for i, t in zip(part.ids, part.trained, strict=True) if t]
    assert learned == whole.ids[1:]
    assert all(len(part.ids) == 20 for part in parts[:-1])
    assert 2 <= len(parts[-1].ids) <= 20
    assert all(part.ids[0] == before.ids[-1] for before, part in pairwise(parts))


@given(length=st.integers(2, 400), limit=st.integers(2, 50))
def test_pieces_cover_a_text_and_share_one_token(length, limit):
    found = pieces(length, limit)
    assert (found[0][0], found[-1][1]) == (0, length)
    assert all(2 <= stop - start <= limit for start, stop in found)
    assert all(after[0] == before[1] - 1 for before, after in pairwise(found))


@pytest.mark.parametrize(
    "row", [Conversation(3, DIALOGUE), Text(3, "The sky is blue. " * 30)], ids=["conversation", "text"]
)
def test_a_row_that_is_too_long_is_left_out_on_request(row):
    tokenizer, template = chatml()
    assert list(encode_rows([row], tokenizer, template, "answers", 20, "drop")) == [Refused(3, TOO_LONG)]
    [kept] = encode_rows([row], tokenizer, template, "answers", 4000, "drop")
    assert kept == encode(row, tokenizer, template, "answers", None)


def test_trimming_drops_the_oldest_turns_and_the_prompts_left_end_and_never_an_answer():
    tokenizer, template = chatml()
    row = Conversation(1, DIALOGUE)
    answer = learned_text(tokenizer, encode(row, tokenizer, template, "last-answer", None))
    size = len(tokenizer(answer, add_special_tokens=False)["input_ids"])
    limit = size + 3
    trimmed = encode(row, tokenizer, template, "last-answer", limit, "trim")
    assert learned_text(tokenizer, trimmed) == answer
    assert len(trimmed.ids) == limit
    assert list(encode_rows([row], tokenizer, template, "answers", size, "trim")) == [
        Refused(1, ANSWER_TOO_LONG)
    ]


@pytest.mark.parametrize("limit", [8, 12, 20, 30, 45, 60, 90])
def test_both_sides_of_a_long_pair_keep_the_same_prompt_and_the_limit(limit):
    tokenizer, template = chatml()
    row = Preference(
        1,
        DIALOGUE[:4],
        (Message("assistant", "It is green."),),
        (Message("assistant", "Go away, it is green."),),
    )
    pair = encode(row, tokenizer, template, "answers", limit)
    assert max(len(pair.chosen.ids), len(pair.rejected.ids)) <= limit
    assert pair.prompt_length > 0
    assert pair.chosen.ids[: pair.prompt_length] == pair.rejected.ids[: pair.prompt_length]
    assert not any(pair.chosen.trained[: pair.prompt_length] + pair.rejected.trained[: pair.prompt_length])
    assert any(pair.chosen.trained)
    assert any(pair.rejected.trained)


@pytest.mark.parametrize("limit", [12, 20, 30])
def test_a_cut_pair_whose_answers_begin_alike_shares_its_prompt_and_no_learned_token(limit):
    tokenizer, template = chatml()
    asked = (Message("user", "The cat says hello, and the dog says hello too. " * 3),)
    alike = Message("assistant", "It is green.")
    row = Preference(1, asked, (alike,), (alike, Message("user", "Sure?"), Message("assistant", "No.")))
    whole = encode(row, tokenizer, template, "answers", None)
    pair = encode(row, tokenizer, template, "answers", limit)
    first = pair.chosen.trained.index(True)
    assert whole.chosen.trained.index(True) == whole.prompt_length
    assert pair.prompt_length == first == pair.rejected.trained.index(True)
