"""What a model folder is, and one clear sentence for every way in which it can be wrong."""

import json
import struct
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from engine.job.errors import ModelError
from engine.library.folders import starter_folder
from engine.library.models import check_model, describe
from tests.library.model_files import (
    CONFIG,
    PARAMETERS,
    llama_tensors,
    safetensors_bytes,
    split_weights,
    tokenizer_values,
    write_model,
)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_model(tmp_path / "small")


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def refusal(folder: Path) -> ModelError:
    with pytest.raises(ModelError) as caught:
        check_model(folder)
    error = caught.value
    assert error.title.endswith(".")
    assert error.advice.endswith(".")
    assert "\n" not in str(error)
    described = describe(folder)
    assert (described.kind == "model", described.problem) == (False, error.title)
    return error


def test_a_model_is_described_by_its_config_and_headers(model: Path) -> None:
    info = check_model(model)
    assert (info.name, info.kind, info.problem) == ("small", "model", "")
    assert (info.architecture, info.model_type) == ("LlamaForCausalLM", "llama")
    assert info.parameters == PARAMETERS
    assert (info.bytes, info.dtype) == ((model / "model.safetensors").stat().st_size, "bfloat16")
    assert (info.layers, info.hidden, info.intermediate, info.vocab, info.context) == (2, 8, 12, 20, 64)
    assert (info.heads, info.kv_heads, info.head_dim, info.tied) == (2, 1, 4, False)
    assert info.template == "{{ messages }}"
    assert describe(model) == info


def test_the_starter_is_ready_to_train() -> None:
    info = check_model(starter_folder())
    assert info.name == "Starter"
    assert 1_000_000 < info.parameters < 4_000_000
    assert "<|assistant|>" in info.template


def test_shards_count_like_one_file(model: Path) -> None:
    whole = check_model(model)
    split_weights(model)
    info = check_model(model)
    assert (info.parameters, info.dtype) == (PARAMETERS, "bfloat16")
    assert abs(info.bytes - whole.bytes) < 300  # a second header


def test_a_shared_output_layer_is_counted_once(model: Path) -> None:
    change(model / "config.json", tie_word_embeddings=True)
    assert check_model(model).parameters == PARAMETERS - 20 * 8  # the file still holds lm_head


def test_a_missing_output_layer_is_shared_where_the_config_is_silent(tmp_path: Path) -> None:
    model = write_model(tmp_path / "m", tie_word_embeddings=None)
    tensors = {name: shape for name, shape in llama_tensors().items() if name != "lm_head.weight"}
    (model / "model.safetensors").write_bytes(safetensors_bytes(tensors))
    assert check_model(model).tied


def test_a_byte_order_mark_in_config_is_accepted(model: Path) -> None:
    path = model / "config.json"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert check_model(model).layers == 2


@pytest.mark.parametrize(
    ("readme", "licence"),
    [
        ("---\nlicense: apache-2.0\n---\n# Model", "apache-2.0"),
        ("---\nlicense: other\nlicense_name: gemma\n---\n", "gemma"),
        ("# Model\nlicense: mit", ""),
        ("---\nno end", ""),
    ],
)
def test_the_licence_is_what_the_authors_page_names(readme: str, licence: str, model: Path) -> None:
    (model / "README.md").write_text(readme)
    assert check_model(model).licence == licence


def test_the_template_file_goes_before_the_tokenizers_own(model: Path) -> None:
    (model / "chat_template.jinja").write_text("own file")
    assert check_model(model).template == "own file"


def test_of_several_named_templates_the_default_one_is_taken(model: Path) -> None:
    named = [{"name": "tool_use", "template": "tools"}, {"name": "default", "template": "plain"}]
    change(model / "tokenizer_config.json", chat_template=named)
    assert check_model(model).template == "plain"


# config.json ------------------------------------------------------------------------------------------


def test_a_missing_config_is_named_with_its_folder(model: Path) -> None:
    (model / "config.json").unlink()
    assert refusal(model).title == f"config.json is missing in {model}."


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere").title


def test_a_file_is_not_a_model_folder(model: Path) -> None:
    assert "is a file" in refusal(model / "model.safetensors").title


def test_a_config_that_is_not_json_is_named_with_the_place(model: Path) -> None:
    (model / "config.json").write_text('{\n "model_type": llama\n}')
    assert "(line 2, column 16: " in refusal(model).title


@pytest.mark.parametrize("content", [b"[1]", b"\xff\xfe{\x00}\x00", b"", b"[" * 100_000, b"nul\x00"])
def test_any_other_config_is_one_sentence(content: bytes, model: Path) -> None:
    (model / "config.json").write_bytes(content)
    assert "config.json" in refusal(model).title


def test_an_unknown_architecture_is_named_and_the_supported_ones_listed(model: Path) -> None:
    change(model / "config.json", model_type="mamba9")
    error = refusal(model)
    assert "'mamba9'" in error.title
    for family in ("llama", "qwen2", "qwen3", "mistral", "gemma", "gemma2", "gemma3_text"):
        assert family in error.advice


def test_a_model_with_code_of_its_author_is_refused(model: Path) -> None:
    change(model / "config.json", model_type="evil", auto_map={"AutoModel": "evil.Model"})
    assert "author's own code" in refusal(model).title


def test_a_model_that_does_not_write_text_is_refused(model: Path) -> None:
    change(model / "config.json", architectures=["LlamaForSequenceClassification"])
    assert "LlamaForSequenceClassification" in refusal(model).title


@pytest.mark.parametrize("settings", [{"quant_method": "gptq", "bits": 4}, "gptq"])
def test_compressed_weights_are_refused(settings: object, model: Path) -> None:
    change(model / "config.json", quantization_config=settings)
    assert "compressed" in refusal(model).title


def test_a_size_that_config_lacks_is_named(tmp_path: Path) -> None:
    assert "'hidden_size'" in refusal(write_model(tmp_path / "m", hidden_size=None)).title


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=st.sampled_from(sorted(CONFIG)),
    value=st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-5, 10**12),
        st.floats(),
        st.text(max_size=5),
        st.lists(st.integers(), max_size=2),
        st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
    ),
)
def test_describe_never_raises_whatever_config_says(name: str, value: object, tmp_path: Path) -> None:
    model = tmp_path / "fuzzed"
    if not model.exists():
        write_model(model)
    (model / "config.json").write_text(json.dumps({**CONFIG, name: value}))
    info = describe(model)
    assert (info.kind == "model") == (info.problem == "")


# Weights ----------------------------------------------------------------------------------------------


def test_a_folder_without_weights_says_what_was_looked_for(model: Path) -> None:
    (model / "model.safetensors").unlink()
    title = refusal(model).title
    assert "model.safetensors" in title
    assert "model.safetensors.index.json" in title


def test_weights_as_a_pickle_are_refused_with_the_reason(model: Path) -> None:
    (model / "model.safetensors").rename(model / "pytorch_model.bin")
    assert "pytorch_model.bin" in refusal(model).title


@pytest.mark.parametrize("keep", [0, 5, 100, -1, -200])
def test_a_file_cut_short_says_so(keep: int, model: Path) -> None:
    path = model / "model.safetensors"
    path.write_bytes(path.read_bytes()[:keep] if keep else b"")
    assert str(path) in refusal(model).title


def test_a_file_cut_short_is_named_with_actual_and_expected_bytes(model: Path) -> None:
    path = model / "model.safetensors"
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    assert f"has {len(whole) - 7:,} bytes instead of {len(whole):,}" in refusal(model).title
    path.write_bytes(b"")
    assert "is empty (0 bytes)" in refusal(model).title


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**62) + b"{}",
        struct.pack("<Q", 2) + b"{]",
        struct.pack("<Q", 2) + b"[]",
        struct.pack("<Q", 7) + b'{"a":1}',
        struct.pack("<Q", 63)
        + b'{"a":{"dtype":"BF16","shape":[9000000],"data_offsets":[0, 2   ]}}'[:63]
        + b"..",
        struct.pack("<Q", 4) + b"\xff\xff\xff\xff",
    ],
)
def test_a_damaged_header_is_one_sentence(content: bytes, model: Path) -> None:
    (model / "model.safetensors").write_bytes(content)
    assert "damaged" in refusal(model).title


def test_a_shape_that_lies_about_its_size_is_found(model: Path) -> None:
    text = json.dumps({"w": {"dtype": "BF16", "shape": [1000], "data_offsets": [0, 2]}}).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"..")
    assert "the size of 'w' does not fit its shape" in refusal(model).title


def test_a_git_lfs_pointer_is_called_by_its_name(model: Path) -> None:
    pointer = "version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 12345\n"
    (model / "model.safetensors").write_text(pointer)
    assert "Git LFS pointer" in refusal(model).title
    write_model(model)
    (model / "tokenizer.json").write_text(pointer)
    assert "Git LFS pointer" in refusal(model).title


def test_a_web_page_is_called_by_its_name(model: Path) -> None:
    (model / "model.safetensors").write_text("\n<!DOCTYPE html><html><body>Please sign in</body></html>")
    assert "web page" in refusal(model).title


def test_a_missing_shard_is_named(model: Path) -> None:
    split_weights(model)[1].unlink()
    assert "model-00002-of-00002.safetensors is missing" in refusal(model).title


def test_a_missing_index_is_named(model: Path) -> None:
    split_weights(model)
    (model / "model.safetensors.index.json").unlink()
    assert "model.safetensors.index.json is missing" in refusal(model).title


@pytest.mark.parametrize(
    "name",
    ["../outside.safetensors", "/etc/passwd", "..\\outside.safetensors", "C:x.safetensors", "notes.txt"],
)
def test_an_index_that_points_elsewhere_is_refused_though_the_file_exists(name: str, model: Path) -> None:
    (model.parent / "outside.safetensors").write_bytes((model / "model.safetensors").read_bytes())
    weight_map = dict.fromkeys(llama_tensors(), name)
    (model / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))
    assert f"names '{name}'" in refusal(model).title


@pytest.mark.parametrize("values", [{}, {"weight_map": {}}, {"weight_map": [1]}])
def test_an_index_without_a_map_is_refused(values: dict[str, object], model: Path) -> None:
    (model / "model.safetensors.index.json").write_text(json.dumps(values))
    assert "has no 'weight_map'" in refusal(model).title


def test_a_tensor_that_the_index_promises_and_no_shard_holds_is_named(model: Path) -> None:
    split_weights(model)
    index = model / "model.safetensors.index.json"
    values = json.loads(index.read_text())
    values["weight_map"]["model.extra.weight"] = "model-00001-of-00002.safetensors"
    index.write_text(json.dumps(values))
    assert "lacks the tensor 'model.extra.weight'" in refusal(model).title


@pytest.mark.parametrize(
    "name", ["model.layers.1.mlp.up_proj.weight", "lm_head.weight", "model.embed_tokens.weight"]
)
def test_a_missing_tensor_is_found_before_loading(name: str, model: Path) -> None:
    tensors = {key: shape for key, shape in llama_tensors().items() if key != name}
    (model / "model.safetensors").write_bytes(safetensors_bytes(tensors))
    assert "lack" in refusal(model).title


def test_a_tensor_of_another_shape_is_named_with_both_shapes(model: Path) -> None:
    change(model / "config.json", intermediate_size=16)
    title = refusal(model).title
    assert "model.layers.0.mlp.gate_proj.weight" in title
    assert "12 x 8, but config.json asks for 16 x 8" in title


# Tokenizer --------------------------------------------------------------------------------------------


def test_a_missing_tokenizer_is_named(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    assert "there is no tokenizer.json" in refusal(model).title


def test_an_older_tokenizer_alone_is_told_apart(model: Path) -> None:
    (model / "tokenizer.json").rename(model / "tokenizer.model")
    assert "only tokenizer.model" in refusal(model).title


def test_a_vocabulary_with_merges_is_a_tokenizer(model: Path) -> None:
    (model / "tokenizer.json").unlink()
    (model / "vocab.json").write_text("{}")
    (model / "merges.txt").write_text("")
    assert check_model(model).vocab == 20


@pytest.mark.parametrize(
    "content",
    ["{}", "{", '{"model": {}, "added_tokens": []}', '{"model": {"vocab": {"a": "x"}}, "added_tokens": []}'],
)
def test_a_damaged_tokenizer_is_named(content: str, model: Path) -> None:
    (model / "tokenizer.json").write_text(content)
    assert str(model / "tokenizer.json") in refusal(model).title


def test_token_numbers_beyond_the_embeddings_are_refused_with_both_numbers(model: Path) -> None:
    (model / "tokenizer.json").write_text(json.dumps(tokenizer_values(words=1234)))
    title = refusal(model).title
    assert "token number 1,233" in title
    assert "only 20 tokens" in title


@pytest.mark.parametrize(
    ("file", "values"),
    [
        ("tokenizer_config.json", {"eos_token": {"content": "<|end|>"}}),
        ("tokenizer_config.json", {"chat_template": "a<|end|>"}),
    ],
)
def test_an_added_token_that_is_used_must_have_a_row(
    file: str, values: dict[str, object], model: Path
) -> None:
    added = {"added_tokens": [{"id": 20, "content": "<|end|>"}]}
    (model / "tokenizer.json").write_text(json.dumps({**tokenizer_values(), **added}))
    assert check_model(model).vocab == 20  # nobody uses it: a larger sibling's token
    change(model / file, **values)
    assert "'<|end|>'" in refusal(model).title


# Other kinds ------------------------------------------------------------------------------------------


def test_an_adapter_is_recognised_with_its_base(tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "org/base"}')
    (tmp_path / "adapter_model.safetensors").write_bytes(safetensors_bytes({"a": (2, 2)}))
    error = refusal(tmp_path)
    assert describe(tmp_path).kind == "adapter"
    assert "'org/base'" in error.advice


@pytest.mark.parametrize("inside", [False, True])
def test_a_gguf_file_is_recognised(inside: bool, tmp_path: Path) -> None:
    (tmp_path / "small-q4.gguf").write_bytes(b"GGUF" + bytes(60))
    error = refusal(tmp_path if inside else tmp_path / "small-q4.gguf")
    assert "GGUF files can be run but not trained" in error.title
    assert describe(tmp_path / "small-q4.gguf").kind == "gguf"


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "model.safetensors"])
def test_a_folder_in_place_of_a_file_is_one_sentence(name: str, model: Path) -> None:
    (model / name).unlink()
    (model / name).mkdir()
    assert f"{model / name} cannot be read" in refusal(model).title
