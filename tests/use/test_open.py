import pytest
import torch

from engine.job.errors import FolderError, ModelError
from engine.models.adapters import ADAPTER_WEIGHTS
from engine.models.generate import generate
from engine.use import open as opening
from engine.use.open import open_beside, open_model, own_dtype
from engine.use.places import find_place
from tests.use.tuned_runs import data_file, saved_model, tuned_run

IDS = torch.tensor([[5, 9, 33, 120, 7]])


def logits(opened):
    with torch.no_grad():
        return opened.model(IDS).logits.float()


def test_a_base_says_that_it_is_one(base):
    opened = open_model(str(base))
    assert (opened.title, opened.weights) == ("tiny-base", "Base weights, no adapter")
    assert opened.merged is None
    assert opened.end_ids == (2,)


def test_the_starter_opens_by_its_name():
    opened = open_model("starter")
    assert opened.title == "Starter"
    answer = generate(
        opened.model,
        opened.tokenizer,
        "What sound does a cow make?",
        seed=0,
        temperature=0.0,
        max_new_tokens=20,
        end_ids=opened.end_ids,
    )
    assert "moo" in answer.text
    assert answer.ended


def test_a_run_answers_with_its_adapter_built_in(run):
    opened = open_model(str(run))
    assert (opened.title, opened.weights) == ("polite", "Adapter from step 7")
    assert opened.merged.layers_changed == 2
    torch.testing.assert_close(logits(opened), logits(open_beside(find_place(str(run)))), atol=1e-4, rtol=0)


def test_a_run_can_be_named_and_a_checkpoint_asked_for(run):
    opened = open_model("polite@3")
    assert (opened.title, opened.weights) == ("polite, step 3", "Adapter from step 3")
    assert opened.fingerprint != open_model("polite").fingerprint


def test_base_and_tuned_columns_differ_in_fingerprint_and_share_what_is_not_changed(base, run):
    bases = {}
    first, second, third = (open_model(str(text), bases=bases) for text in (base, run, f"{run}@3"))
    assert len(bases) == 1
    assert len({first.fingerprint, second.fingerprint, third.fingerprint}) == 3
    embeddings = {opened.model.get_input_embeddings().weight.data_ptr() for opened in (first, second, third)}
    assert len(embeddings) == 1
    assert torch.equal(logits(first), logits(open_model(str(base))))


def test_a_tiny_16_bit_model_answers_in_float32_and_a_larger_one_in_its_own_numbers(tmp_path, monkeypatch):
    base = saved_model(tmp_path / "half", dtype=torch.bfloat16)
    run = tuned_run(base, data_file(tmp_path))
    assert open_model(str(run)).loaded.dtype == "float32"
    monkeypatch.setattr(opening, "SMALLEST_FOR_BFLOAT16", 1000)
    assert own_dtype(base) == "bfloat16"
    opened = open_model(str(run))
    assert {weight.dtype for weight in opened.model.parameters()} == {torch.bfloat16}
    assert 0 < opened.merged.rounding < 0.1
    other = open_model(str(run), dtype="float16")
    assert {weight.dtype for weight in other.model.parameters()} == {torch.float16}
    assert other.merged.rounding < opened.merged.rounding  # merged in float32, not from bfloat16


def test_a_base_in_other_numbers_leaves_the_shared_one_alone(base):
    bases = {}
    half = open_model(str(base), dtype="float16", bases=bases)
    assert half.loaded.dtype == "float16"
    assert open_model(str(base), bases=bases).loaded.dtype == "float32"


def test_a_model_trained_whole_opens_as_what_it_became(base, tmp_path):
    run = tuned_run(base, data_file(tmp_path), is_whole=True)
    opened = open_model(str(run))
    assert opened.weights == "All weights from step 7"
    assert opened.fingerprint != open_model(str(base)).fingerprint
    assert not torch.allclose(logits(opened), logits(open_model(str(base))), atol=0.1)


def test_an_adapters_folder_opens_with_the_base_that_it_names(run):
    opened = open_model(str(run / "adapter"))
    assert opened.weights == "Adapter"
    assert torch.equal(logits(opened), logits(open_model(str(run))))


def test_a_run_on_a_base_without_template_answers_with_the_one_it_was_trained_with(tmp_path):
    base = saved_model(tmp_path / "bare", with_template=False)
    opened = open_model(str(tuned_run(base, data_file(tmp_path))))
    assert "Assistant:" in opened.tokenizer.chat_template
    assert open_model(str(base)).tokenizer.chat_template is None


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("polite@5", "no checkpoint of step 5"),
        ("polyte x", "Did you mean 'polite'"),
        ("../nowhere", "no run"),
    ],
)
def test_what_is_not_there_is_named(name, words, run):
    with pytest.raises((FolderError, ModelError), match=words):
        open_model(name)


def test_a_run_without_a_result_points_to_its_checkpoint(run):
    (run / "adapter" / ADAPTER_WEIGHTS).unlink()
    with pytest.raises(ModelError, match="is missing"):
        open_model(str(run))
    (run / "adapter").rename(run / "elsewhere")
    with pytest.raises(FolderError, match=r"no result yet.*@3"):
        open_model(str(run))
