import pytest
import torch
from transformers import GenerationConfig

from engine.library.models import describe
from engine.models.generate import generate
from engine.use import reopen
from engine.use.open import open_model
from engine.use.target import folder_size
from engine.use.writing import bytes_needed, generation_settings, write_model
from tests.models.tiny_models import tiny_model, tiny_tokenizer


def test_the_end_of_a_turn_becomes_the_models_own_end(base, tmp_path):
    opened = open_model(str(base))
    write_model(opened, tmp_path, 5.0, lambda done, total: None)
    assert open_model(str(tmp_path)).end_ids == opened.end_ids == (2,)
    assert GenerationConfig.from_pretrained(tmp_path).eos_token_id == [2]


def test_settings_that_contradict_each_other_are_left_out():
    model = tiny_model()
    model.generation_config = GenerationConfig(do_sample=False, temperature=0.6, bos_token_id=1)
    with pytest.raises(ValueError, match="temperature"):
        model.generation_config.validate(strict=True)
    settings = generation_settings(model, tiny_tokenizer(), (2, 7))
    settings.validate(strict=True)
    assert (settings.bos_token_id, settings.eos_token_id, settings.pad_token_id) == (1, [2, 7], 0)


def test_a_penalty_that_the_base_asks_for_is_kept_but_not_part_of_the_comparison(base, tmp_path):
    opened = open_model(str(base))
    opened.model.generation_config.repetition_penalty = 5.0
    write_model(opened, tmp_path, 5.0, lambda done, total: None)
    assert GenerationConfig.from_pretrained(tmp_path).repetition_penalty == 5.0
    ends = opened.end_ids
    ours = generate(
        opened.model, opened.tokenizer, "how?", seed=0, temperature=0.0, max_new_tokens=24, end_ids=ends
    )
    request = {"folder": str(tmp_path), "base": "", "gguf_file": "", "end_ids": [], "device": "cpu"}
    stock = reopen._model(request)
    ids = opened.tokenizer.apply_chat_template(
        [{"role": "user", "content": "how?"}], add_generation_prompt=True, return_dict=True
    )["input_ids"]
    theirs, first = reopen._answer(stock, ids, {**request, "max_new_tokens": 24})
    assert opened.tokenizer.decode(theirs, skip_special_tokens=True) == ours.text
    with torch.no_grad():
        torch.testing.assert_close(first, opened.model(torch.tensor([ids])).logits[0, -1])


def test_the_space_that_is_checked_for_is_enough(base, tmp_path):
    info = describe(base)
    for kind in ("auto", "float16"):
        folder = tmp_path / kind
        write_model(open_model(str(base), dtype=kind), folder, 5.0, lambda done, total: None)
        assert folder_size(folder)[0] <= bytes_needed("merged", kind, info, base)


def test_progress_ends_at_the_whole(base, tmp_path):
    told = []
    write_model(open_model(str(base)), tmp_path, 5.0, lambda done, total: told.append((done, total)))
    assert told[0][0] == 0
    assert told[-1][0] == told[-1][1] > 0
