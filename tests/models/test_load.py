import contextlib
import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from engine.job.errors import JobError, ModelError
from engine.models.load import keep_cap, load_model
from engine.models.placement import choose_device, choose_dtype
from tests.models.tiny_folders import tiny_folder
from tests.models.tiny_models import FAMILIES, tiny_model


def rewrite(folder, change):
    path = folder / "model.safetensors"
    tensors = load_file(path)
    change(tensors)
    save_file(tensors, path, metadata={"format": "pt"})


@pytest.mark.parametrize("family", FAMILIES)
def test_every_family_comes_back_with_the_weights_that_were_saved(family, tmp_path):
    loaded = load_model(tiny_folder(tmp_path, family), "float32", "cpu")
    expected = tiny_model(family).state_dict()
    found = loaded.model.state_dict()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    assert (loaded.dtype, loaded.device, loaded.model.training) == ("float32", "cpu", False)


def test_a_model_that_holds_its_attention_down_does_so(tmp_path):
    # with a cap of almost nothing every token looks at all before it alike, whatever the queries say
    model = load_model(tiny_folder(tmp_path, "gemma2", attn_logit_softcapping=1e-6), "float32", "cpu").model
    ids = torch.randint(3, 400, (1, 9), generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        before = model(ids).logits
        for layer in model.model.layers:
            layer.self_attn.q_proj.weight.neg_()
        torch.testing.assert_close(model(ids).logits, before, atol=1e-3, rtol=0)


def test_torchs_own_attention_is_not_asked_to_hold_scores_down():
    # as transformers 5.17 chooses it
    model = tiny_model("gemma2")
    model.config._attn_implementation = "sdpa"
    keep_cap(model)
    assert model.config._attn_implementation == "eager"
    other = tiny_model("llama")
    assert other.config._attn_implementation == "sdpa"
    keep_cap(other)
    assert other.config._attn_implementation == "sdpa"


def test_a_tied_head_is_not_missed(tmp_path):
    loaded = load_model(tiny_folder(tmp_path, tie_word_embeddings=True), "auto", "cpu")
    assert loaded.model.lm_head.weight is loaded.model.model.embed_tokens.weight


def test_a_small_model_computes_in_float32_by_itself(tmp_path):
    folder = tiny_folder(tmp_path)
    assert load_model(folder).dtype == "float32"
    assert load_model(folder, "bfloat16").model.dtype == torch.bfloat16


def test_a_missing_tensor_is_named(tmp_path):
    folder = tiny_folder(tmp_path)
    rewrite(folder, lambda tensors: tensors.pop("model.layers.1.input_layernorm.weight"))
    with pytest.raises(ModelError, match=r"layers\.1\.input_layernorm\.weight"):
        load_model(folder)


def test_a_misshapen_tensor_is_named_with_both_shapes(tmp_path):
    folder = tiny_folder(tmp_path)
    rewrite(folder, lambda tensors: tensors.update({"model.norm.weight": torch.zeros(31)}))
    with pytest.raises(ModelError, match=r"model\.norm\.weight") as error:
        load_model(folder)
    assert "31" in error.value.title
    assert "32" in error.value.title


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
def test_a_value_that_is_no_number_is_found(value, tmp_path):
    folder = tiny_folder(tmp_path)
    rewrite(folder, lambda tensors: tensors["model.layers.0.mlp.up_proj.weight"][3].fill_(value))
    with pytest.raises(ModelError, match=r"layers\.0\.mlp\.up_proj"):
        load_model(folder)


def test_large_numbers_are_no_fault(tmp_path):
    folder = tiny_folder(tmp_path)
    rewrite(folder, lambda tensors: tensors["lm_head.weight"].fill_(3e38))  # their sum overflows
    assert load_model(folder).model.lm_head.weight.max().item() == pytest.approx(3e38)


def test_token_ids_beyond_the_embeddings_are_refused_with_both_numbers(tmp_path):
    folder = tiny_folder(tmp_path, vocab_size=300)
    with pytest.raises(ModelError, match="300"):
        load_model(folder)


def test_tokens_beyond_the_embeddings_that_stand_beside_the_tokenizers_own_file_are_refused(tmp_path):
    folder = tiny_folder(tmp_path)
    rows = load_model(folder).model.get_input_embeddings().num_embeddings
    path = folder / "tokenizer_config.json"
    more = {"additional_special_tokens": [f"<|more {at}|>" for at in range(rows)]}
    path.write_text(json.dumps(json.loads(path.read_text()) | more))
    with pytest.raises(ModelError, match=rf"ids up to \d+, but the model knows only {rows}"):
        load_model(folder)


@pytest.mark.parametrize("content", ["{}", "{", '{"version": "1.0"}'])
def test_a_damaged_tokenizer_is_refused(content, tmp_path):
    folder = tiny_folder(tmp_path)
    (folder / "tokenizer.json").write_text(content)
    with pytest.raises(ModelError, match=r"tokenizer"):
        load_model(folder)


def test_code_of_the_models_author_is_never_run(tmp_path):
    folder = tiny_folder(tmp_path)
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoModelForCausalLM": "evil.Evil", "AutoConfig": "evil.EvilConfig"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    with contextlib.suppress(ModelError):
        load_model(folder)
    assert not (tmp_path / "ran").exists()


def test_a_device_that_is_absent_is_refused():
    absent = [
        k
        for k, there in (("cuda", torch.cuda.is_available()), ("mps", torch.backends.mps.is_available()))
        if not there
    ]
    for kind in absent:
        with pytest.raises(JobError, match=kind):
            choose_device(kind)
    assert choose_device("cpu") == "cpu"
    with pytest.raises(JobError, match="tpu"):
        choose_device("tpu")


def test_a_named_dtype_is_taken_whatever_the_size():
    assert choose_dtype("bfloat16", "cpu", 1) == torch.bfloat16
    assert choose_dtype("auto", "cpu", 1) == torch.float32
