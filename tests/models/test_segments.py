import json
from dataclasses import replace

import pytest
import torch

from engine.models import segments
from engine.models.attention import Segment
from engine.models.generate import generate
from engine.models.segments import _mask_alone, leave_segments, segment_mask, take_segments
from engine.models.wanted import Wanted, wanting
from tests.models.all_families import model_of
from tests.models.every_adapter import CASES, adapted
from tests.models.tiny_models import FAMILIES, tiny_model, tiny_tokenizer

FIRST, SECOND, OTHER = [5, 6, 7, 8, 9, 10], [21, 22, 23, 24], [31, 32, 33, 34, 35, 36]
PROMPTED = {"prefix", "prefix-projection", "prompt", "p-tuning"}


def in_a_row(model, *sequences):
    """Logits of each sequence when they stand one after another."""
    ids = torch.tensor([[token for sequence in sequences for token in sequence]])
    places = torch.tensor([[at for sequence in sequences for at in range(len(sequence))]])
    lengths = [len(sequence) for sequence in sequences]
    with torch.no_grad():
        out = model(input_ids=ids, position_ids=places, attention_mask=segment_mask(lengths), use_cache=False)
    return out.logits[0].split(lengths)


def alone(model, sequence):
    with torch.no_grad():
        return model(input_ids=torch.tensor([sequence])).logits[0]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_stands_before_and_behind_changes_nothing(family):
    model = tiny_model(family, **({"sliding_window": 3} if family in ("gemma2", "mistral") else {}))
    assert take_segments(model)
    before, own = in_a_row(model, FIRST, SECOND)
    changed, same = in_a_row(model, OTHER, SECOND)
    assert torch.equal(own, same)
    assert not torch.allclose(before, changed)
    behind = in_a_row(model, SECOND, OTHER)[0]
    torch.testing.assert_close(behind, own, atol=1e-5, rtol=1e-5)


def test_an_attention_that_does_not_know_of_lengths_refuses_them():
    with pytest.raises(RuntimeError, match="int"):
        in_a_row(tiny_model(), FIRST, SECOND)


@pytest.mark.parametrize("case", CASES)
def test_every_adapter_keeps_sequences_apart_or_says_that_it_cannot(case):
    model = adapted(case)
    expected = [alone(model, sequence) for sequence in (FIRST, SECOND)]
    assert take_segments(model) == (case not in PROMPTED)
    if case not in PROMPTED:
        for found, wanted in zip(in_a_row(model, FIRST, SECOND), expected, strict=True):
            torch.testing.assert_close(found, wanted, atol=1e-5, rtol=1e-5)


def test_layers_that_hand_on_more_than_attention_does_are_refused():
    model = tiny_model("qwen3")
    model.config.layer_types = ["full_attention", "linear_attention"]
    assert not take_segments(model)
    assert model.config._attn_implementation == "sdpa"


def test_an_attention_of_another_kind_is_refused():
    model = tiny_model()
    model.config._attn_implementation = "flex_attention"
    assert not take_segments(model)


@pytest.mark.parametrize("family", ["llama", "gemma2"])
def test_single_and_padded_texts_go_through_as_before(family):
    model, tokenizer = tiny_model(family), tiny_tokenizer()
    ids, mask = torch.tensor([FIRST, [*SECOND, 0, 0]]), torch.tensor([[1] * 6, [1] * 4 + [0] * 2])

    def answers():
        text = generate(model, tokenizer, "hello dog", seed=1, temperature=0.0, max_new_tokens=8, end_ids=())
        with torch.no_grad():
            return text.text, model(input_ids=ids, attention_mask=mask).logits

    own = model.config._attn_implementation
    before = answers()
    assert take_segments(model)
    assert take_segments(model)  # a second time nothing changes
    after = answers()
    leave_segments(model)
    assert before[0] == after[0]
    assert torch.equal(before[1], after[1])
    assert model.config._attn_implementation == own


def test_a_saved_model_says_nothing_of_it(tmp_path):
    model = tiny_model()
    assert take_segments(model)
    model.save_pretrained(tmp_path)
    assert "segmented" not in json.dumps(json.loads((tmp_path / "config.json").read_text(encoding="utf-8")))


def test_one_mask_serves_all_layers_and_sequences():
    query = torch.zeros(1, 2, 5, 4)
    first, second = (_mask_alone("sdpa", query[:, :, :length], 0, 3) for length in (4, 5))
    assert first.untyped_storage().data_ptr() == second.untyped_storage().data_ptr()
    assert first[0, 0].int().tolist() == [[1, 0, 0, 0], [1, 1, 0, 0], [1, 1, 1, 0], [0, 1, 1, 1]]
    assert _mask_alone("sdpa", query, 0, None) is None
    assert _mask_alone("sdpa", query, 0, 5) is None  # the window holds the whole sequence
    behind = _mask_alone("sdpa", query[:, :, :2], 3, 4)  # two tokens behind three that are shared
    assert behind[0, 0].int().tolist() == [[1, 1, 1, 1, 0], [0, 1, 1, 1, 1]]
    lowest = torch.finfo(torch.float32).min
    assert _mask_alone("eager", query[:, :, :2], 0, None)[0, 0].tolist() == [[0.0, lowest], [0.0, 0.0]]


@pytest.mark.parametrize("family", ["llama", "sliding mistral", "sliding gemma2", "gpt2"])
def test_what_our_attention_does_not_cover_goes_through_the_models_own(family, monkeypatch):
    model = model_of(family)
    assert take_segments(model)
    ours = in_a_row(model, FIRST, SECOND)
    monkeypatch.setattr(segments, "_is_ours", lambda states: False)
    for one, other in zip(in_a_row(model, FIRST, SECOND), ours, strict=True):
        torch.testing.assert_close(one, other, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "is_plain"),
    [
        (
            {"dropout": 0.0, "scaling": 1.0, "sliding_window": 3, "softcap": 5.0, "output_attentions": False},
            True,
        ),
        ({"dropout": 0.1}, False),
        ({"s_aux": torch.ones(2)}, False),
        ({"output_attentions": True}, False),
        ({"is_causal": False}, False),
    ],
)
def test_only_plain_causal_attention_is_ours(options, is_plain):
    assert segments._is_plain(torch.nn.Identity(), options) == is_plain


def test_attention_that_looks_ahead_is_not_ours():
    module = torch.nn.Identity()
    module.is_causal = False
    assert not segments._is_plain(module, {})


def test_dropout_of_attention_is_still_applied():
    model = tiny_model(attention_dropout=0.5).train()
    assert take_segments(model)
    assert not torch.equal(in_a_row(model, FIRST)[0], in_a_row(model, FIRST)[0])


def test_queries_are_asked_in_runs_that_small_gaps_do_not_part(monkeypatch):
    monkeypatch.setattr(segments, "_GAP", 2)
    attention = torch.nn.Identity()
    row = (Segment(0, 6), Segment(6, 4, 0, 3), Segment(10, 5), Segment(15, 2))
    with wanting(Wanted(torch.tensor([0, 3, 5, 8, 9, 11, 13, 14]), (1, 17), attention)):
        found = segments._asked(row, attention)
        assert segments._asked(row, torch.nn.Identity()) is row  # another layer's
    assert [part.asked for part in found] == [((0, 1), (3, 6)), ((2, 4),), ((1, 5),), ()]
    assert [replace(part, asked=None) for part in found] == list(row)
    assert segments._asked(row, attention) is row
