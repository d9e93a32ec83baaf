import gguf
import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from engine.job.errors import ModelError
from engine.use.gguf import Label, write_gguf
from engine.use.gguf_model import interleave, llama3_divisors, named_tensors
from engine.use.gguf_tokenizer import plain_template
from tests.models.tiny_models import FAMILIES, TEMPLATE, tiny_model, tiny_tokenizer

WORDS = "hello dog, how are you?  1234 + 5 = x\n\n\tI'm here \u20ac"
# transformers' reader does not read a head width for Qwen3, so that test uses its default.
WRITTEN = {
    "llama": {},
    "mistral": {},
    "qwen2": {"tie_word_embeddings": True},
    "qwen3": {"head_dim": 128},
}


def written(folder, family="llama", kind="f32", split="llama3", progress=None, **changes):
    model, tokenizer = tiny_model(family, **changes), tiny_tokenizer(split)
    path = folder / "model.gguf"
    label = Label("tiny", "base", "apache-2.0")
    write_gguf(
        model,
        tokenizer,
        path,
        kind=kind,
        label=label,
        turn_ends=[2],
        progress=progress or (lambda done, total: None),
    )
    return model, tokenizer, path


def logits(model, tokenizer):
    with torch.no_grad():
        return model(torch.tensor([tokenizer(WORDS)["input_ids"]])).logits.float()


@pytest.mark.parametrize("family", WRITTEN)
def test_transformers_reads_the_same_logits_from_the_file(family, tmp_path):
    model, tokenizer, path = written(tmp_path, family, **WRITTEN[family])
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32)
    torch.testing.assert_close(logits(again, tokenizer), logits(model, tokenizer), atol=1e-4, rtol=0)


@pytest.mark.parametrize(("kind", "bound"), [("f16", 2e-3), ("bf16", 2e-2), ("q8_0", 2e-2)])
def test_smaller_types_stay_close(kind, bound, tmp_path):
    model, tokenizer, path = written(tmp_path, kind=kind, initializer_range=0.1)
    again = AutoModelForCausalLM.from_pretrained(tmp_path, gguf_file=path.name, dtype=torch.float32)
    expected = logits(model, tokenizer)
    assert (logits(again, tokenizer) - expected).abs().max() < bound * expected.abs().max()


def test_a_row_that_does_not_fill_blocks_of_32_stays_in_16_bit(tmp_path):
    _, _, path = written(tmp_path, kind="q8_0")
    kinds = {t.name: t.tensor_type.name for t in gguf.GGUFReader(path).tensors}
    assert kinds["blk.0.ffn_down.weight"] == "F16"  # 48 wide
    assert kinds["blk.0.ffn_up.weight"] == "Q8_0"  # 32 wide
    assert kinds["output_norm.weight"] == "F32"


@pytest.mark.parametrize("split", ["gpt2", "llama3", "qwen2"])
def test_the_tokenizer_reads_text_as_before(split, tmp_path):
    _, tokenizer, path = written(tmp_path, split=split)
    again = AutoTokenizer.from_pretrained(tmp_path, gguf_file=path.name)
    assert again(WORDS)["input_ids"] == tokenizer(WORDS)["input_ids"]
    question = [{"role": "user", "content": "hello"}]
    asked = [
        t.apply_chat_template(question, add_generation_prompt=True)["input_ids"] for t in (again, tokenizer)
    ]
    assert asked[0] == asked[1]


def test_the_file_tells_template_end_of_turn_and_names(tmp_path):
    _, _, path = written(tmp_path)
    fields = gguf.GGUFReader(path).fields
    told = {key: field.contents() for key, field in fields.items() if "tokens" not in key}
    assert told["tokenizer.chat_template"] == TEMPLATE
    assert told["tokenizer.ggml.eot_token_id"] == told["tokenizer.ggml.eos_token_id"] == 2
    assert told["tokenizer.ggml.pre"] == "smaug-bpe"
    assert told["tokenizer.ggml.add_bos_token"] is False
    assert (told["general.name"], told["general.license"]) == ("tiny", "apache-2.0")


def test_tied_embeddings_are_written_once(tmp_path):
    names = [name for name, _ in named_tensors(tiny_model(tie_word_embeddings=True))]
    assert "token_embd.weight" in names
    assert "output.weight" not in names


def test_rows_of_a_head_become_neighbouring_pairs():
    rows = torch.arange(8).reshape(8, 1)  # two heads of four: halves (0 1)(2 3) and (4 5)(6 7)
    assert interleave(rows, 2).flatten().tolist() == [0, 2, 1, 3, 4, 6, 5, 7]


def test_llama3_divisors_equal_what_transformers_does_to_the_frequencies():
    scaling = {
        "rope_type": "llama3",
        "rope_theta": 10000.0,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 64,
    }
    model = tiny_model(rope_parameters=scaling, head_dim=32)
    plain = 10000.0 ** -(torch.arange(0, 32, 2) / 32)
    divisors = llama3_divisors(model.config)
    torch.testing.assert_close(plain / divisors, model.model.rotary_emb.inv_freq)
    assert divisors[0] == 1
    assert divisors[-1] == 8


def test_rows_beyond_the_tokenizer_are_marked_unused(tmp_path):
    _, tokenizer, path = written(tmp_path, vocab_size=408)
    fields = gguf.GGUFReader(path).fields
    extra = range(len(tokenizer), 408)
    assert [fields["tokenizer.ggml.tokens"].contents(i) for i in extra] == [f"[PAD{i}]" for i in extra]
    assert {fields["tokenizer.ggml.token_type"].contents(i) for i in extra} == {int(gguf.TokenType.UNUSED)}


def test_marks_for_training_become_conditions_that_every_reader_knows():
    template = "{%- generation -%}{{ text }}{%endgeneration %}"
    assert plain_template(template) == "{%- if true -%}{{ text }}{% endif %}"


@pytest.mark.parametrize(
    ("family", "changes", "words"),
    [
        ("gemma2", {}, "gemma2"),
        ("mistral", {"sliding_window": 16}, "16 tokens"),
        ("llama", {"hidden_act": "gelu"}, "gelu"),
        ("llama", {"rope_parameters": {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 1e4}}, "dynamic"),
        ("llama", {"vocab_size": 300}, "only 300 rows"),
    ],
)
def test_what_gguf_cannot_hold_is_refused_in_words(family, changes, words, tmp_path):
    with pytest.raises(ModelError, match=words):
        written(tmp_path, family, **changes)


def test_an_unknown_way_to_split_text_is_refused(tmp_path, monkeypatch):
    monkeypatch.setitem(tiny_tokenizer.__globals__["SPLITS"], "odd", r"\w+|\W+")
    with pytest.raises(ModelError, match="splits text"):
        written(tmp_path, split="odd")
    assert not list(tmp_path.iterdir())


def test_numbers_too_large_for_16_bit_are_refused(tmp_path):
    model = tiny_model()
    model.lm_head.weight.data[0, 0] = 70000.0
    with pytest.raises(ModelError, match="bfloat16"):
        write_gguf(
            model,
            tiny_tokenizer(),
            tmp_path / "m.gguf",
            kind="f16",
            label=Label("t", "b"),
            turn_ends=[2],
        )


def test_progress_counts_tensors_and_may_end_the_writing(tmp_path):
    seen = []
    written(tmp_path, progress=lambda done, total: seen.append((done, total)))
    assert seen[0][0] == 0
    assert seen[-1][0] == seen[-1][1] == len(seen) - 1
    assert np.diff([done for done, _ in seen]).tolist() == [1] * (len(seen) - 1)


def test_every_family_is_written_or_refused():
    assert set(FAMILIES) == {*WRITTEN, "gemma2"}
