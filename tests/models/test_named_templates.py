import pytest

from engine.data.rows import Conversation, Message
from engine.job.errors import ModelError
from engine.job.sections import RowsSection
from engine.job.settings import setting_fields
from engine.models.named_templates import TEMPLATES, fitting
from engine.models.template import encode, end_tokens, open_template
from tests.models.slow_reference import tokens_of
from tests.models.test_template import DIALOGUE
from tests.models.tiny_tokenizer import CONTROL, tiny_tokenizer

SYSTEM, ASKED, SAID, THEN, LAST = (message.content for message in DIALOGUE)
SOURCES = {  # what the dialogue is in each format, and which of it is learned
    "chatml": [
        (f"<s><|im_start|>system\n{SYSTEM}<|im_end|>\n<|im_start|>user\n{ASKED}<|im_end|>\n", False),
        ("<|im_start|>assistant\n", False),
        (f"{SAID}<|im_end|>", True),
        (f"\n<|im_start|>user\n{THEN}<|im_end|>\n<|im_start|>assistant\n", False),
        (f"{LAST}<|im_end|>", True),
        ("\n", False),
    ],
    "llama3": [
        (f"<s><|start_header_id|>system<|end_header_id|>\n\n{SYSTEM}<|eot_id|>", False),
        (f"<|start_header_id|>user<|end_header_id|>\n\n{ASKED}<|eot_id|>", False),
        ("<|start_header_id|>assistant<|end_header_id|>\n\n", False),
        (f"{SAID}<|eot_id|>", True),
        (f"<|start_header_id|>user<|end_header_id|>\n\n{THEN}<|eot_id|>", False),
        ("<|start_header_id|>assistant<|end_header_id|>\n\n", False),
        (f"{LAST}<|eot_id|>", True),
    ],
    "gemma": [
        (f"<s><start_of_turn>user\n{SYSTEM}\n\n{ASKED}<end_of_turn>\n<start_of_turn>model\n", False),
        (f"{SAID}<end_of_turn>", True),
        (f"\n<start_of_turn>user\n{THEN}<end_of_turn>\n<start_of_turn>model\n", False),
        (f"{LAST}<end_of_turn>", True),
        ("\n", False),
    ],
    "mistral": [
        (f"<s>[INST] {SYSTEM}\n\n{ASKED}[/INST] ", False),
        (f"{SAID}</s>", True),
        (f"[INST] {THEN}[/INST] ", False),
        (f"{LAST}</s>", True),
    ],
    "zephyr": [
        (f"<s><|system|>\n{SYSTEM}</s>\n<|user|>\n{ASKED}</s>\n<|assistant|>\n", False),
        (f"{SAID}</s>", True),
        (f"\n<|user|>\n{THEN}</s>\n<|assistant|>\n", False),
        (f"{LAST}</s>", True),
        ("\n", False),
    ],
    "alpaca": [
        (f"<s>{SYSTEM}\n\n### Instruction:\n{ASKED}\n\n### Response:\n", False),
        (f"{SAID}</s>", True),
        (f"\n\n### Instruction:\n{THEN}\n\n### Response:\n", False),
        (f"{LAST}</s>", True),
    ],
    "plain": [
        (f"<s>System:\n{SYSTEM}\n\nUser:\n{ASKED}\n\nAssistant:\n", False),
        (f"{SAID}</s>", True),
        (f"\n\nUser:\n{THEN}\n\nAssistant:\n", False),
        (f"{LAST}</s>", True),
    ],
}
ENDS = {"chatml": "<|im_end|>", "llama3": "<|eot_id|>", "gemma": "<end_of_turn>"}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_named_template_writes_what_its_format_asks_for(name):
    tokenizer = tiny_tokenizer(None, bos="<s>", eos="</s>", adds_bos=True)
    template = open_template(tokenizer, name)
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    assert (encoded.ids, encoded.trained) == tokens_of(tokenizer, SOURCES[name])
    ends = tokenizer.convert_ids_to_tokens(list(end_tokens(tokenizer, template)))
    assert ends == list(dict.fromkeys([ENDS.get(name, "</s>"), "</s>"]))


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_prompt_that_asks_for_an_answer_is_the_beginning_of_what_is_learned(name):
    tokenizer = tiny_tokenizer(None, bos="<s>", eos="</s>", adds_bos=True)
    open_template(tokenizer, name)
    asked = [{"role": "user", "content": "Hello?"}]
    whole = [*asked, {"role": "assistant", "content": "Hi."}]
    opening = tokenizer.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    assert tokenizer.apply_chat_template(whole, tokenize=False).startswith(opening.rstrip(" ")), opening
    assert not opening.endswith("Hello?")


def test_every_named_template_can_be_chosen_in_the_job():
    template = next(field for field in setting_fields(RowsSection) if field.name == "template")
    assert set(template.setting.choices) == {"auto", *TEMPLATES}


@pytest.mark.parametrize("name", [name for name, template in TEMPLATES.items() if template.needs])
def test_a_model_without_template_gets_the_one_whose_tokens_it_knows(name):
    needs = TEMPLATES[name].needs
    tokenizer = tiny_tokenizer(None, eos="</s>", control=("</s>", *needs))
    assert fitting(tokenizer.get_vocab()) == name
    assert open_template(tokenizer).name == name


@pytest.mark.parametrize("name", [name for name, template in TEMPLATES.items() if template.needs])
def test_no_template_is_taken_whose_tokens_would_have_to_be_invented(name):
    *_, missing = TEMPLATES[name].needs
    control = tuple(token for token in CONTROL if token != missing)
    tokenizer = tiny_tokenizer(None, eos="</s>", control=control)
    with pytest.raises(ModelError) as caught:
        open_template(tokenizer, name)
    assert f"{TEMPLATES[name].title} needs the token {missing}" in str(caught.value)


def test_a_dialogue_without_a_system_message_has_nothing_before_its_question():
    tokenizer = tiny_tokenizer(None, bos="<s>", eos="</s>")
    template = open_template(tokenizer, "gemma")
    row = Conversation(1, (Message("user", " Hi "), Message("assistant", "Hello.")))
    ids = encode(row, tokenizer, template, "answers", None).ids
    assert (
        tokenizer.decode(ids)
        == "<start_of_turn>user\nHi<end_of_turn>\n<start_of_turn>model\nHello.<end_of_turn>\n"
    )
