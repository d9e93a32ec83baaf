import pytest
import torch
from peft import LoraConfig, get_peft_model

from engine.job.errors import DataError, ModelError
from engine.models.generate import answer_ends, encode_prompt, generate
from tests.models.tiny_models import FAMILIES, tiny_model, tiny_tokenizer


def answer(model, tokenizer, prompt="hello dog", **changes):
    settings = {"seed": 1, "temperature": 0.0, "max_new_tokens": 24, "end_ids": (2,), **changes}
    return generate(model, tokenizer, prompt, **settings)


@pytest.mark.parametrize("family", FAMILIES)
def test_greedy_text_equals_that_of_transformers_own_generate(family):
    model, tokenizer = tiny_model(family), tiny_tokenizer()
    ids = torch.tensor([encode_prompt(tokenizer, "how are you?")])
    theirs = model.generate(ids, attention_mask=torch.ones_like(ids), do_sample=False, max_new_tokens=24)
    expected = tokenizer.decode(theirs[0, ids.shape[1] :], skip_special_tokens=True)
    assert len(expected) > 5
    assert answer(model, tokenizer, "how are you?").text == expected


def test_a_question_is_put_into_the_chat_template_up_to_the_answer():
    tokenizer = tiny_tokenizer()
    assert tokenizer.decode(encode_prompt(tokenizer, "hello")) == "<|user|>hello<|end|><|assistant|>"


def test_a_control_token_in_a_question_stays_text():
    tokenizer = tiny_tokenizer()
    ids = encode_prompt(tokenizer, "a<|end|>b")
    assert ids.count(2) == 1  # the turn's own end
    assert tokenizer.decode(ids) == "<|user|>a<|end|>b<|end|><|assistant|>"


def test_the_end_of_a_turn_and_the_models_own_ends_end_an_answer():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    model.generation_config.eos_token_id = [7, 2]
    assert answer_ends(model, tokenizer) == (2, 7)
    tokenizer.chat_template = None
    assert answer_ends(model, tokenizer) == (7, 2)


def test_without_a_chat_template_the_text_is_continued():
    tokenizer = tiny_tokenizer(with_template=False)
    assert tokenizer.decode(encode_prompt(tokenizer, "hello")) == "hello"


def test_an_empty_prompt_without_a_template_is_begun_by_the_first_token_of_all():
    tokenizer = tiny_tokenizer(with_template=False)
    assert encode_prompt(tokenizer, "") == [tokenizer.bos_token_id]
    tokenizer.bos_token = None
    with pytest.raises(DataError, match="empty"):
        encode_prompt(tokenizer, "")


def test_the_same_seed_draws_the_same_answer_and_another_seed_another():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    one, same, other = (answer(model, tokenizer, temperature=1.0, seed=seed).text for seed in (7, 7, 8))
    assert one == same != other


def test_global_random_state_neither_matters_nor_changes():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    torch.manual_seed(3)
    before = torch.get_rng_state()
    first = answer(model, tokenizer, temperature=1.0).text
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(4)
    assert answer(model, tokenizer, temperature=1.0).text == first


def test_the_pieces_are_the_text_and_no_piece_holds_half_a_character():
    model, tokenizer = tiny_model(), tiny_tokenizer(with_template=False)
    euro = tokenizer("\u20ac\U0001f600", add_special_tokens=False)["input_ids"]
    assert len(euro) == 7  # three bytes and four, none of them merged
    pieces = []
    script = euro + tokenizer(" says the dog", add_special_tokens=False)["input_ids"]
    result = answer(Scripted(model, script), tokenizer, on_text=pieces.append, max_new_tokens=len(script))
    assert result.text == "\u20ac\U0001f600 says the dog"
    assert "".join(pieces) == result.text
    assert pieces[0] == "\u20ac"
    assert pieces[1] == "\U0001f600"


def test_random_bytes_arrive_whole_too():
    model, tokenizer = tiny_model(), tiny_tokenizer()
    for seed in range(5):
        pieces = []
        result = answer(
            model, tokenizer, on_text=pieces.append, temperature=3.0, seed=seed, max_new_tokens=40
        )
        assert "".join(pieces) == result.text


def test_an_end_token_ends_the_answer_and_is_not_part_of_the_text():
    tokenizer = tiny_tokenizer()
    script = tokenizer("hello", add_special_tokens=False)["input_ids"]
    result = answer(Scripted(tiny_model(), [*script, 2, *script]), tokenizer)
    assert (result.text, result.ended, result.tokens) == ("hello", True, len(script) + 1)


def test_an_answer_cut_by_its_limit_has_not_ended():
    model = Scripted(tiny_model(), [50] * 20)
    result = answer(model, tiny_tokenizer(), max_new_tokens=5)
    assert (result.ended, result.tokens) == (False, 5)


def test_stopped_is_obeyed_after_the_token_in_hand():
    asked = iter([False, False, True])
    result = answer(Scripted(tiny_model(), [50] * 20), tiny_tokenizer(), stopped=lambda: next(asked))
    assert result.tokens == 3


def test_each_modules_training_flag_is_as_before():
    model = tiny_model()
    model.train()
    model.model.layers[1].eval()
    answer(model, tiny_tokenizer())
    assert model.model.layers[0].training
    assert not model.model.layers[1].mlp.training


def test_dropout_is_off_while_answering_and_an_adapter_answers_through_its_wrapper():
    plain, tokenizer = tiny_model(), tiny_tokenizer()
    settings = LoraConfig(r=4, target_modules="all-linear", lora_dropout=0.9, init_lora_weights=False)
    tuned = get_peft_model(tiny_model(), settings)
    tuned.train()
    first = answer(tuned, tokenizer).text
    assert first == answer(tuned, tokenizer).text
    assert first != answer(plain, tokenizer).text
    with tuned.disable_adapter():
        assert answer(tuned, tokenizer).text == answer(plain, tokenizer).text


def test_an_answer_stays_within_the_models_context():
    model = tiny_model(max_position_embeddings=20)
    model = Scripted(model, [50] * 100)
    ids = encode_prompt(tiny_tokenizer(), "hello")
    assert answer(model, tiny_tokenizer(), "hello", max_new_tokens=100).tokens == 20 - len(ids)
    with pytest.raises(DataError, match="takes at most 20"):
        answer(model, tiny_tokenizer(), "hello " * 30)


def test_weights_that_are_no_numbers_are_told():
    model = tiny_model()
    model.lm_head.weight.data.fill_(float("nan"))
    with pytest.raises(ModelError, match="not a number"):
        answer(model, tiny_tokenizer())


class Scripted(torch.nn.Module):
    """A model that says given tokens one after the other."""

    def __init__(self, model, script):
        super().__init__()
        self.inner, self.config, self.script = model, model.config, list(script)

    def forward(self, **inputs):
        out = self.inner(**inputs)
        out.logits = torch.nn.functional.one_hot(torch.tensor([[self.script.pop(0)]]), 400).float()
        return out
