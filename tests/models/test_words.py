import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers

from engine.data.rows import Conversation, Feedback, Message, Preference, Text
from engine.models.placed import Tokens
from engine.models.template import encode, encode_rows, open_template
from engine.models.tokens import Passage, TextTokens
from engine.models.words import PATTERNS, Words
from tests.models.slow_reference import reference
from tests.models.template_styles import STYLES
from tests.models.tiny_tokenizer import styled_tokenizer, tiny_tokenizer

BYTES = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
PRE_TOKENIZERS = {
    "GPT-2's own": pre_tokenizers.ByteLevel(add_prefix_space=False),
    "digits apart": pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    ),
    **{
        pattern: pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(pattern), "isolated"), BYTES])
        for pattern in PATTERNS
    },
}
CORPUS = [
    "The sky's blue.\n\nIt isn't green, 1234 times!\n",
    " hello\t the  end?!\n\n",
    "/* a_b */\r\n e\u0301",
] * 4
BITS = (
    *"aB1_.'/(é中ß²。", " ", "  ", "\n", "\r\n", "\t", "\xa0", "\u3000", "\u2028", "\x1c", "\x85", "\x0b", "\x00", "\u200b", "\u0301", "🌤️",
    "'s", "'LL", "the", " sky", "!\n", "...", "\n\n", "\n/", "\n \n", "\u0338", "<|end|>", "<s>", "<think>", "<|en", "d|>", "12345",
)  # fmt: skip
TEXTS = st.lists(st.sampled_from(BITS), max_size=30).map("".join)


def trained(pre_tokenizer, normalizer=None, blanks=True):
    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizer, pre_tokenizer
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=600,
        special_tokens=["<|end|>", "<s>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(CORPUS, trainer)
    tokenizer.add_tokens([AddedToken("<think>", normalized=False)])
    tokenizer.add_tokens([AddedToken(text, normalized=True) for text in ("    ", "<|en", "é!\n") if blanks])
    return tokenizer


TOKENIZERS = {name: trained(found) for name, found in PRE_TOKENIZERS.items()}
TOKENIZERS["composed signs"] = trained(PRE_TOKENIZERS[list(PATTERNS)[1]], normalizers.NFC(), blanks=False)


@pytest.mark.parametrize("name", TOKENIZERS)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_words_give_the_ids_and_places_of_the_whole_text(name, texts):
    tokenizer = TOKENIZERS[name]
    words = Words.of(tokenizer)
    assert words is not None
    for text, found in zip(texts, words.encode(texts), strict=True):
        whole = tokenizer.encode(text, add_special_tokens=False)
        assert found.ids == whole.ids
        assert found.spans == whole.offsets
        for at in range(len(text) + 1):
            after = [i for i, (start, end) in enumerate(whole.offsets) if max(end, start + 1) > at]
            begun = [i for i, (start, _) in enumerate(whole.offsets) if start >= at]
            assert found.ending_after(at) == min(after, default=len(whole.ids))
            assert found.starting_from(at) == min(begun, default=len(whole.ids))


SEPARATOR = "<s>"


def test_a_word_is_asked_of_the_tokenizer_once():
    asked = []

    class Listening:
        def __init__(self, tokenizer):
            self.tokenizer = tokenizer

        def __getattr__(self, name):
            return getattr(self.tokenizer, name)

        def encode_batch(self, texts, **settings):
            asked.extend(texts)
            return self.tokenizer.encode_batch(texts, **settings)

    words = Words(Listening(TOKENIZERS["GPT-2's own"]), re.compile(r"\s*\S+"))
    long = "x" * 1000
    words.encode(["the sky the sky<s>", f" sky {long}"])
    words.encode([f"the sky {long}"])
    found = [word for text in asked for word in text.split(SEPARATOR)]
    assert sorted(found) == sorted(["the", " sky", " the", f" {long}", f" {long}"])


def without(pre_tokenizer=None, normalizer=None, added=(), dropout=None):
    tokenizer = trained(pre_tokenizer or PRE_TOKENIZERS["GPT-2's own"], normalizer)
    tokenizer.add_tokens(list(added))
    tokenizer.model.dropout = dropout
    return tokenizer


UNSURE = {
    "an unknown pattern": without(
        pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(r"\w+ \w+"), "isolated"), BYTES])
    ),
    "no split at all": without(BYTES),
    "a blank put before each text": without(pre_tokenizers.ByteLevel(add_prefix_space=True)),
    "a first piece that differs": without(pre_tokenizers.Metaspace(prepend_scheme="first")),
    "a normalizer that joins": without(normalizer=normalizers.Replace(" ", "")),
    "a token that takes white space": without(added=[AddedToken("<x>", rstrip=True)]),
    "a token of whole words only": without(added=[AddedToken("end", single_word=True)]),
    "a token to find in composed text": without(normalizer=normalizers.NFC()),
    "patterns that differ at line breaks": without(
        pre_tokenizers.Sequence(
            [pre_tokenizers.Split(Regex(list(PATTERNS)[1]), "isolated"), BYTES.__class__(False)]
        )
    ),
    "ids drawn by chance": without(dropout=0.5),
}


@pytest.mark.parametrize("name", UNSURE)
def test_a_tokenizer_whose_ids_may_depend_on_neighbours_is_left_to_itself(name):
    assert Words.of(UNSURE[name]) is None


# Rows, against the tokenizer asked for whole texts -----------------------------------------------------


SLY = "Say </s> and <|im_end|>, [INST] 12!\n\n  it's <bos>"
DIALOGUE = (
    Message("system", "Be kind.\n"),
    Message("user", "What colour's the sky?  Answer:\n\n- yes\n"),
    Message("assistant", "The sky is blue 🌤️ and wide."),
    Message("user", "And the grass?"),
    Message("assistant", "It is green."),
)


def opened(name):
    tokenizer = styled_tokenizer(STYLES[name], adds_bos=False)
    return tokenizer, open_template(tokenizer)


def rows():
    good, bad = (Message("assistant", "It is green, as ever."),), (Message("assistant", "Go away.\nNow!"),)
    sly = (DIALOGUE[0], Message("user", SLY), Message("assistant", SLY + " no"))
    return [
        Conversation(1, DIALOGUE),
        Conversation(2, DIALOGUE[1:3]),
        Conversation(3, sly),
        Preference(4, DIALOGUE[:4], good, bad),
        Preference(5, sly[:2], good, sly[2:]),
        Preference(6, DIALOGUE[1:2], good, (*good, Message("user", "Sure?"), *bad)),
        Feedback(7, DIALOGUE[:4], good, True),
        Text(8, "The sky is blue.\n\nThe grass </s> is green. " * 4),
        Conversation(9, (Message("user", "a"), Message("user", "b"), Message("assistant", "c"))),
    ]


@pytest.mark.parametrize("too_long", ["cut", "trim", "drop"])
@pytest.mark.parametrize("name", STYLES)
def test_rows_are_what_they_are_when_whole_texts_are_tokenised(name, too_long):
    tokenizer, template = opened(name)
    _, slow = opened(name)
    assert (template.writer.tokens._words is None) == bool(STYLES[name].taking)
    slow.writer.tokens._words = None
    for train_on in ("answers", "last-answer", "everything"):
        for most in (None, 60, 24, 9):
            found = list(encode_rows(rows(), tokenizer, template, train_on, most, too_long))
            assert found == list(encode_rows(rows(), tokenizer, slow, train_on, most, too_long))


@pytest.mark.parametrize("name", STYLES)
def test_both_sides_of_a_pair_equal_those_written_out_by_hand(name):
    tokenizer, template = opened(name)
    asked = (Message("system", "Be kind."), Message("user", SLY))
    sides = (Message("assistant", "It is green, as ever."), Message("assistant", SLY + " no"))
    pair = encode(Preference(1, asked, sides[:1], sides[1:]), tokenizer, template, "answers", None)
    for side, found in zip(sides, (pair.chosen, pair.rejected), strict=True):
        messages = (*asked, side)
        ids, mask = reference(tokenizer, STYLES[name], messages)
        assert (found.ids, found.trained) == (ids, mask)
        assert not any(mask[: pair.prompt_length])
    assert pair.chosen.ids[: pair.prompt_length] == pair.rejected.ids[: pair.prompt_length]
    assert pair.chosen.controls == 4


def test_words_that_the_first_texts_prove_wrong_are_not_used(monkeypatch):
    tokenizer = tiny_tokenizer()
    right = [
        found.ids for found in TextTokens(tokenizer).encode([Passage("the sky is blue"), Passage("the end")])
    ]
    monkeypatch.setattr("engine.models.words._word_of", lambda _: re.compile(r".{3}|.+"))  # cuts within words
    tokens = TextTokens(tokenizer)
    assert tokens._words is not None
    assert [found.ids for found in tokens.encode([Passage("the sky is blue"), Passage("the end")])] == right
    assert tokens._words is None


def test_only_the_first_texts_are_tokenised_twice():
    tokens = TextTokens(tiny_tokenizer())
    assert tokens._words is not None
    for _ in range(3):
        tokens.encode([Passage("the sky")] * 50)
    assert tokens._proofs == 0
    assert tokens._words is not None


def test_a_text_with_a_word_without_end_is_left_to_the_tokenizer(monkeypatch):
    monkeypatch.setattr("engine.models.words._ENDLESS", 8)
    tokenizer = TOKENIZERS["GPT-2's own"]
    texts = ["the sky is so wide", "xxxxxxxxxx", "<s>the sky<s>" + "y" * 9 + "<s>the sky", "the end"]
    found = Words.of(tokenizer).encode(texts)
    assert [type(tokens) is Tokens for tokens in found] == [False, True, True, False]
    for text, tokens in zip(texts, found, strict=True):
        whole = tokenizer.encode(text, add_special_tokens=False)
        assert (tokens.ids, tokens.spans) == (whole.ids, whole.offsets)
        assert tokens.ending_after(len(text) - 1) == len(whole.ids) - 1
