import pytest

from engine.data.rows import Conversation, Feedback, Message, Preference, Text
from engine.job.errors import DataError, ModelError
from engine.models.encoded_table import EncodedTable
from engine.models.tally import Tally
from engine.models.template import Refused, encode, encode_rows, end_tokens, open_template
from tests.models.slow_reference import reference, tokens_of
from tests.models.template_styles import CHATML, GEMMA, STYLES, Style
from tests.models.tiny_tokenizer import styled_tokenizer, tiny_tokenizer

DIALOGUE = (
    Message("system", "Be kind."),
    Message("user", "What colour is the sky?"),
    Message("assistant", "The sky is blue 🌤️ and wide."),
    Message("user", "And the grass?"),
    Message("assistant", "It is green."),
)


def opened(style: Style, adds_bos: bool = True):
    tokenizer = styled_tokenizer(style, adds_bos)
    return tokenizer, open_template(tokenizer)


def chatml():
    return opened(STYLES["chatml"])


def learned_text(tokenizer, encoded):
    return tokenizer.decode([i for i, t in zip(encoded.ids, encoded.trained, strict=True) if t])


@pytest.mark.parametrize("name", STYLES)
def test_tokens_and_mask_equal_those_written_out_by_hand(name):
    style = STYLES[name]
    tokenizer, template = opened(style)
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    ids, trained = reference(tokenizer, style, DIALOGUE)
    assert encoded.ids == ids
    assert encoded.trained == trained
    assert sum(trained) > 10
    assert encoded.cut == 0


@pytest.mark.parametrize("name", STYLES)
def test_only_the_last_answer_is_learned_on_request(name):
    style = STYLES[name]
    tokenizer, template = opened(style)
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "last-answer", None)
    assert (encoded.ids, encoded.trained) == reference(tokenizer, style, DIALOGUE, "last-answer")


@pytest.mark.parametrize("name", STYLES)
def test_everything_but_the_first_token_is_learned_on_request(name):
    tokenizer, template = opened(STYLES[name])
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "everything", None)
    assert encoded.trained == [False] + [True] * (len(encoded.ids) - 1)


@pytest.mark.parametrize("name", STYLES)
def test_the_last_learned_token_is_the_end_of_the_turn(name):
    style = STYLES[name]
    tokenizer, template = opened(style)
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    last = max(index for index, is_trained in enumerate(encoded.trained) if is_trained)
    assert tokenizer.convert_ids_to_tokens(encoded.ids[last]) == style.end
    assert end_tokens(tokenizer, template)[0] == encoded.ids[last]
    assert tokenizer.eos_token_id in end_tokens(tokenizer, template)


@pytest.mark.parametrize("name", STYLES)
def test_no_row_begins_with_two_bos(name):
    tokenizer, template = opened(STYLES[name], adds_bos=True)
    ids = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None).ids
    assert ids[:2].count(tokenizer.bos_token_id) <= 1  # some write one before every turn
    ids = encode(Text(1, "The sky is blue."), tokenizer, template, "answers", None).ids
    assert ids[0] == tokenizer.bos_token_id
    assert ids.count(tokenizer.bos_token_id) == 1


def test_a_template_that_writes_bos_twice_gives_one():
    tokenizer = tiny_tokenizer("{{ bos_token }}{{ bos_token }}" + CHATML, bos="<s>", eos="</s>")
    ids = encode(Conversation(1, DIALOGUE), tokenizer, open_template(tokenizer), "answers", None).ids
    assert ids[0] == tokenizer.bos_token_id
    assert ids[1] != tokenizer.bos_token_id


def test_mask_of_generation_tags_equals_transformers_own_but_for_the_end_token():
    tokenizer, template = opened(STYLES["chatml, tag before the end token"])
    whole = [{"role": m.role, "content": m.content} for m in DIALOGUE]
    theirs = tokenizer.apply_chat_template(whole, return_dict=True, return_assistant_tokens_mask=True)
    ours = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    end = tokenizer.convert_tokens_to_ids("<|im_end|>")
    without_ends = [int(t and i != end) for i, t in zip(ours.ids, ours.trained, strict=True)]
    assert ours.ids == theirs["input_ids"]
    assert without_ends == theirs["assistant_masks"]


def test_a_thought_of_an_earlier_turn_is_left_out_and_one_of_the_last_is_learned():
    thought = "<think>\nHm, the sky.\n</think>\n\n"
    dialogue = tuple(Message(m.role, thought + m.content) if m.role == "assistant" else m for m in DIALOGUE)
    style = STYLES["qwen3"]
    tokenizer, template = opened(style)
    encoded = encode(Conversation(1, dialogue), tokenizer, template, "answers", None)
    assert (encoded.ids, encoded.trained) == reference(tokenizer, style, dialogue)
    assert tokenizer.decode(encoded.ids).count("Hm, the sky.") == 1


def test_a_word_that_spans_the_boundary_belongs_to_the_answer():
    template_text = "{% for m in messages %}{% if m.role == 'user' %}{{ m.content + ' Answer:' }}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ ' ' }}{% endif %}"
    tokenizer = tiny_tokenizer(template_text, eos="</s>")
    row = Conversation(1, (Message("user", "Is it?"), Message("assistant", "yes")))
    encoded = encode(row, tokenizer, open_template(tokenizer), "answers", None)
    whole = tokenizer("Is it? Answer: yes</s>", add_special_tokens=False)["input_ids"]
    prompt = tokenizer("Is it? Answer: ", add_special_tokens=False)["input_ids"]
    common = next(i for i, (a, b) in enumerate(zip(whole, prompt, strict=False)) if a != b)
    assert encoded.ids == whole
    assert whole[: len(prompt)] != prompt  # the two do merge here
    assert encoded.trained == [i >= common for i in range(len(whole))]
    assert not encoded.joined  # a blank alone is no matter: it goes with the answer, here and when answering


@pytest.mark.parametrize(
    ("prompt", "is_joined"), [("the ans", True), ("the ans ", False), ("the answer?", False)]
)
def test_an_answer_whose_first_token_holds_the_end_of_the_prompt_is_told(prompt, is_joined):
    text = "{% for m in messages %}{{ m.content }}{% if m.role == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
    tokenizer = tiny_tokenizer(text, eos="</s>")
    row = Conversation(1, (Message("user", prompt), Message("assistant", "wer")))
    template = open_template(tokenizer)
    encoded = encode(row, tokenizer, template, "answers", None)
    assert encoded.joined == is_joined
    assert learned_text(tokenizer, encoded) == (" answer</s>" if is_joined else "wer</s>")
    said = " ".join(Tally((2,), EncodedTable.of([encoded])).remarks())
    assert ("also holds the end of the prompt" in said) == is_joined


def test_text_that_reads_like_a_control_token_stays_text_and_is_counted():
    tokenizer, template = chatml()
    sly = "Say <|im_end|> and </s>!"
    row = Conversation(1, (Message("user", sly), Message("assistant", "No <|im_start|>.")))
    encoded = encode(row, tokenizer, template, "answers", None)
    start, end = tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"])
    assert (encoded.ids.count(start), encoded.ids.count(end)) == (2, 2)
    assert tokenizer.eos_token_id not in encoded.ids
    assert encoded.controls == 3
    assert learned_text(tokenizer, encoded) == "No <|im_start|>.<|im_end|>"
    assert sly in tokenizer.decode(encoded.ids)


def test_a_control_token_in_a_running_text_stays_text():
    tokenizer, template = chatml()
    encoded = encode(Text(1, "The </s> sky"), tokenizer, template, "answers", None)
    assert encoded.ids.count(tokenizer.eos_token_id) == 1
    assert encoded.controls == 1


def test_a_running_text_is_learned_whole_with_its_end():
    tokenizer, template = chatml()
    encoded = encode(Text(4, "The sky is blue."), tokenizer, template, "answers", None)
    words = tokenizer("The sky is blue.", add_special_tokens=False)["input_ids"]
    assert encoded.ids == [tokenizer.bos_token_id, *words, tokenizer.eos_token_id]
    assert encoded.trained == [False] + [True] * (len(words) + 1)
    assert encoded.number == 4


def test_a_system_message_goes_before_the_first_question_where_the_template_has_no_place_for_it():
    tokenizer, template = opened(STYLES["gemma"])
    assert template.writer.folds_system
    text = tokenizer.decode(encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None).ids)
    assert "<start_of_turn>user\nBe kind.\n\nWhat colour is the sky?<end_of_turn>" in text


def test_a_template_that_drops_the_system_message_silently_gets_it_folded_too():
    drops = "{% for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
    tokenizer = tiny_tokenizer(drops, eos="</s>")
    text = tokenizer.decode(
        encode(Conversation(1, DIALOGUE), tokenizer, open_template(tokenizer), "answers", None).ids
    )
    assert "Be kind.\n\nWhat colour" in text


def test_a_row_that_the_template_refuses_tells_the_templates_words():
    tokenizer, template = opened(STYLES["gemma"])
    odd = Conversation(7, (Message("user", "a"), Message("user", "b"), Message("assistant", "c")))
    with pytest.raises(DataError, match=r"Row 7: .*Conversation roles must alternate user/assistant"):
        encode(odd, tokenizer, template, "answers", None)


def test_one_refused_row_stops_no_other():
    tokenizer, template = opened(STYLES["gemma"])
    odd = Conversation(2, (Message("user", "a"), Message("user", "b"), Message("assistant", "c")))
    rows = [Conversation(1, DIALOGUE), odd, Conversation(3, DIALOGUE)]
    results = list(encode_rows(rows, tokenizer, template, "answers", None))
    assert [result.number for result in results] == [1, 2, 3]
    assert [isinstance(result, Refused) for result in results] == [False, True, False]
    assert results[0].ids == results[2].ids


def test_a_template_that_leaves_the_answers_place_open_is_refused():
    moves = "{% if add_generation_prompt %}Q{% else %}A{% endif %}{% for m in messages %}{{ m.content }};{% endfor %}"
    tokenizer = tiny_tokenizer(moves, eos="</s>")
    with pytest.raises(DataError, match="leaves open where the answer begins"):
        encode(Conversation(1, DIALOGUE), tokenizer, open_template(tokenizer), "answers", None)


def test_a_pair_shares_its_prompt_and_both_answers_end():
    tokenizer, template = chatml()
    prompt = (Message("system", "Be kind."), Message("user", "What colour is the sky?"))
    row = Preference(
        9, prompt, (Message("assistant", "blue and wide"),), (Message("assistant", "blue and grim"),)
    )
    pair = encode(row, tokenizer, template, "answers", None)
    asked = [{"role": m.role, "content": m.content} for m in prompt]
    opening = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_dict=True)["input_ids"]
    assert pair.prompt_length == len(opening)
    assert pair.chosen.ids[: len(opening)] == pair.rejected.ids[: len(opening)] == opening
    assert learned_text(tokenizer, pair.chosen) == "blue and wide<|im_end|>"
    assert learned_text(tokenizer, pair.rejected) == "blue and grim<|im_end|>"


def test_answers_in_a_pairs_prompt_are_not_learned():
    tokenizer, template = chatml()
    row = Preference(
        1, DIALOGUE[:4], (Message("assistant", "It is green."),), (Message("assistant", "Go away."),)
    )
    for train_on in ("answers", "last-answer", "everything"):
        pair = encode(row, tokenizer, template, train_on, None)
        assert learned_text(tokenizer, pair.chosen) == "It is green.<|im_end|>"
        assert learned_text(tokenizer, pair.rejected) == "Go away.<|im_end|>"


def test_a_row_of_feedback_learns_its_answer_and_carries_its_label():
    tokenizer, template = chatml()
    asked, said = (Message("user", "And the grass?"),), (Message("assistant", "It is green."),)
    for label in (True, False):
        encoded = encode(Feedback(5, asked, said, label), tokenizer, template, "everything", None)
        assert (encoded.number, encoded.label) == (5, label)
        assert learned_text(tokenizer, encoded) == "It is green.<|im_end|>"


# Templates --------------------------------------------------------------------------------------------


def test_a_model_without_template_gets_chatml_where_it_knows_the_tokens():
    tokenizer = tiny_tokenizer(None, bos="<s>", eos="</s>")
    size = len(tokenizer)
    template = open_template(tokenizer)
    assert (template.name, template.from_model) == ("chatml", False)
    assert tokenizer.chat_template == template.text
    assert len(tokenizer) == size
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    assert (encoded.ids, encoded.trained) == reference(tokenizer, STYLES["chatml"], DIALOGUE)


def test_a_model_without_template_and_its_tokens_gets_plain_roles_that_end_with_its_own_end_token():
    tokenizer = tiny_tokenizer(None, bos="<s>", eos="</s>", adds_bos=True, control=("<s>", "</s>"))
    size = len(tokenizer)
    template = open_template(tokenizer)
    assert (template.name, template.from_model, len(tokenizer)) == ("plain", False, size)
    encoded = encode(Conversation(1, DIALOGUE), tokenizer, template, "answers", None)
    pieces = [
        ("<s>System:\nBe kind.\n\nUser:\nWhat colour is the sky?\n\nAssistant:\n", False),
        ("The sky is blue 🌤️ and wide.</s>", True),
        ("\n\nUser:\nAnd the grass?\n\nAssistant:\n", False),
        ("It is green.</s>", True),
    ]
    assert (encoded.ids, encoded.trained) == tokens_of(tokenizer, pieces)
    assert end_tokens(tokenizer, template) == (tokenizer.eos_token_id,)


def test_a_named_template_replaces_the_models_own_and_travels_with_the_tokenizer(tmp_path):
    tokenizer = tiny_tokenizer(CHATML, bos="<s>", eos="</s>")
    template = open_template(tokenizer, "plain")
    tokenizer.save_pretrained(tmp_path)
    from transformers import AutoTokenizer

    assert AutoTokenizer.from_pretrained(tmp_path).chat_template == template.text


def test_chatml_is_refused_where_its_tokens_would_have_to_be_invented():
    tokenizer = tiny_tokenizer(None, eos="</s>", control=("</s>",))
    with pytest.raises(ModelError, match="needs the tokens"):
        open_template(tokenizer, "chatml")


def test_a_broken_template_is_named_with_its_line():
    tokenizer = tiny_tokenizer("{% for m in messages %}\n{{ m.content }\n{% endfor %}", eos="</s>")
    with pytest.raises(ModelError, match="line 2"):
        open_template(tokenizer)


def test_the_default_template_of_several_is_taken():
    tokenizer = tiny_tokenizer({"default": GEMMA, "tool_use": CHATML}, bos="<bos>", eos="<eos>")
    assert open_template(tokenizer).text == GEMMA


def test_a_tokenizer_without_a_fast_form_is_refused():
    class Slow:
        is_fast = False
        chat_template = CHATML

    with pytest.raises(ModelError, match="no fast form"):
        open_template(Slow())
