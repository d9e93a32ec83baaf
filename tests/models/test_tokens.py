"""The private copy of a tokenizer, which shares its words with it and adds nothing of its own."""

import json
from types import SimpleNamespace

from tokenizers import Tokenizer

from engine.models.tokens import Passage, TextTokens, _bare
from tests.models.tiny_tokenizer import tiny_tokenizer


def without_additions(tokenizer):
    """The same by its file: what the copy is meant to be."""
    values = json.loads(tokenizer.to_str())
    return Tokenizer.from_str(
        json.dumps(values | {"post_processor": None, "padding": None, "truncation": None})
    )


def test_a_copy_is_the_tokenizer_without_what_it_adds_and_the_tokenizer_stays_as_it_is():
    tokenizer = tiny_tokenizer(bos="<s>", adds_bos=True).backend_tokenizer
    tokenizer.enable_truncation(8)
    tokenizer.enable_padding()
    tokenizer.add_tokens(["late"])
    before = tokenizer.to_str()
    assert _bare(tokenizer).to_str() == without_additions(tokenizer).to_str()
    assert tokenizer.to_str() == before


def test_control_tokens_in_a_text_stay_text_in_the_copy_alone():
    tokenizer = tiny_tokenizer()
    (found,) = TextTokens(tokenizer).encode([Passage("<s>", ((0, 3),))])
    assert "".join(tokenizer.convert_ids_to_tokens(found.ids)) == "<s>"
    assert len(found.ids) > 1
    assert tokenizer.backend_tokenizer.encode("<s>", add_special_tokens=False).ids == [
        tokenizer.convert_tokens_to_ids("<s>")
    ]


def test_where_added_tokens_would_get_other_ids_the_whole_tokenizer_is_copied():
    own = tiny_tokenizer().backend_tokenizer
    whole = tiny_tokenizer(control=("<s>", "</s>")).backend_tokenizer
    (token, *_) = own.get_added_tokens_decoder().values()
    odd = SimpleNamespace(
        model=own.model,
        normalizer=None,
        pre_tokenizer=own.pre_tokenizer,
        decoder=None,
        get_added_tokens_decoder=lambda: {9_999: token},
        to_str=whole.to_str,
    )
    assert _bare(odd).to_str() == without_additions(whole).to_str()
