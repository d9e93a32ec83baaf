"""Text as it streams: whole characters only, and exactly the characters that each token stands for."""

import random

import pytest
from tokenizers import Tokenizer, decoders, models
from transformers import PreTrainedTokenizerFast

from engine.models.streaming import Stream, spans_within
from tests.models.tiny_models import tiny_tokenizer

OPEN = "\ufffd"
FACE = "\U0001f600"


def streamed(tokenizer, ids):
    """The spans that were known after each token, those at the end, the pieces and the text."""
    pieces, known = [], []
    stream = Stream(tokenizer, pieces.append, has_spans=True)
    for token in ids:
        stream.add(token)
        known.append(list(stream.spans))
    text = stream.finish()
    return known, stream.spans, pieces, text


def ids_of(tokenizer, text):
    return tokenizer(text, add_special_tokens=False)["input_ids"]


def test_each_token_has_the_characters_that_it_writes():
    tokenizer = tiny_tokenizer()
    text = "hello to the dog, how are you today?\n12"
    ids = ids_of(tokenizer, text)
    _, spans, pieces, found = streamed(tokenizer, ids)
    assert found == text == "".join(pieces)
    assert [text[start:end] for start, end in spans] == [tokenizer.decode([token]) for token in ids]


def test_the_tokens_of_one_character_share_it_and_are_certain_only_when_it_is_whole():
    tokenizer = tiny_tokenizer()
    ids = ids_of(tokenizer, f"a{FACE}b")
    assert len(ids) == 6
    known, spans, pieces, text = streamed(tokenizer, ids)
    assert text == f"a{FACE}b"
    assert spans == [(0, 1), (1, 2), (1, 2), (1, 2), (1, 2), (2, 3)]
    assert [len(spans) for spans in known] == [1, 1, 1, 1, 5, 6]
    assert pieces == ["a", FACE, "b"]


def test_a_token_that_ends_within_a_character_has_its_own_characters_and_that_one():
    assert spans_within([" " + OPEN, " " + FACE, f" {FACE}!"], f" {FACE}!") == [(0, 2), (1, 2), (2, 3)]
    # Two broken characters after one another: what one token ends and begins are its own.
    assert spans_within([OPEN, f"é{OPEN}", "éü"], "éü") == [(0, 1), (0, 2), (1, 2)]


def test_a_decoder_that_shows_each_missing_byte_gives_the_same_spans():
    assert spans_within([OPEN, OPEN * 2, OPEN * 3, FACE], FACE) == [(0, 1)] * 4


def test_bytes_that_are_no_character_stay_with_their_token():
    assert spans_within([OPEN, f"{OPEN}a"], f"{OPEN}a") == [(0, 1), (1, 2)]
    assert spans_within([OPEN, f"{OPEN}b{OPEN}", f"{OPEN}bé"], f"{OPEN}bé") == [(0, 1), (1, 3), (2, 3)]


def test_an_answer_cut_within_a_character_keeps_every_token():
    tokenizer = tiny_tokenizer()
    ids = ids_of(tokenizer, f"a{FACE}")[:-1]
    _, spans, pieces, text = streamed(tokenizer, ids)
    assert text == "a" + OPEN == "".join(pieces)
    assert spans == [(0, 1), (1, 2), (1, 2), (1, 2)]


def test_a_token_that_is_not_shown_has_no_characters():
    tokenizer = tiny_tokenizer()
    first, second = ids_of(tokenizer, "hello"), ids_of(tokenizer, " dog")
    marker = tokenizer.convert_tokens_to_ids("<|user|>")
    _, spans, _, text = streamed(tokenizer, [marker, *first, marker, *second, marker])
    assert text == "hello dog"
    shown = [text[start:end] for start, end in spans]
    assert shown[0] == shown[len(first) + 1] == shown[-1] == ""
    assert "".join(shown) == text


def sentencepiece():
    """Words with the underline before them, bytes for what is no word: as Llama 2's and Mistral's files."""
    words = ["<unk>", "▁hi", "▁you", "▁", "é", "!", *(f"<0x{byte:02X}>" for byte in range(256))]
    backend = Tokenizer(models.BPE({word: n for n, word in enumerate(words)}, [], byte_fallback=True))
    steps = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    backend.decoder = decoders.Sequence(steps)
    return PreTrainedTokenizerFast(tokenizer_object=backend, unk_token="<unk>")


def test_a_tokenizer_with_bytes_in_place_of_words_gives_exact_spans_too():
    tokenizer = sentencepiece()
    pieces = ["▁hi", "▁", "<0xF0>", "<0x9F>", "<0x98>", "<0x80>", "▁you", "é", "!"]
    known, spans, told, text = streamed(tokenizer, tokenizer.convert_tokens_to_ids(pieces))
    assert text == f"hi {FACE} youé!" == "".join(told)
    assert spans == [(0, 2), (2, 3), (3, 4), (3, 4), (3, 4), (3, 4), (4, 8), (8, 9), (9, 10)]
    assert len(known[4]) == 2


def test_a_text_that_is_written_otherwise_than_its_parts_is_divided_again():
    class Capital:
        """Writes a text of three tokens or more in capitals."""

        def decode(self, ids, **_):
            text = "".join("abc"[token] for token in ids)
            return text.upper() if len(ids) > 2 else text

    _, spans, pieces, text = streamed(Capital(), [0, 1, 2])
    assert text == "ABC"
    assert pieces[0] == "a"
    assert spans[-1][1] == 3
    assert [start for start, _ in spans] == sorted(start for start, _ in spans)


@pytest.mark.parametrize("seed", range(8))
def test_whatever_bytes_come_the_spans_cover_the_text_in_order(seed):
    tokenizer = tiny_tokenizer()
    chance = random.Random(seed)
    known, spans, pieces, text = streamed(tokenizer, [chance.randrange(400) for _ in range(60)])
    assert "".join(pieces) == text
    assert len(spans) == 60
    covered = 0
    for start, end in spans:
        assert start <= covered <= max(end, covered)
        covered = max(covered, end)
    assert covered == len(text)
    for early in known:  # what was certain stays
        assert early == spans[: len(early)]
