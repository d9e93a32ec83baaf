"""Which tokens are learned, for any dialogue in the style of well-known models, beside a slow reference."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.rows import Conversation, Feedback, Message, Preference
from engine.models.generate import encode_prompt
from engine.models.template import Refused, encode_rows, open_template
from tests.models.slow_reference import BREAK, reference
from tests.models.template_styles import STYLES
from tests.models.tiny_tokenizer import CONTROL, styled_tokenizer

WORDS = st.sampled_from(
    [
        "The sky",
        " is blue",
        "Answer: yes",
        "🌤️",
        "über",
        "日本",
        "\n",
        " ",
        "\t",
        "###",
        "[/",
        "</",
        "1 + 1",
        "'s",
        ":",
    ]
)
CONTROLS = st.sampled_from([*CONTROL, "<|im_", "</s", "s>"])
LETTERS = st.text(st.characters(exclude_categories=["Cs", "Co", "Cn"]), max_size=8)
PARTS = st.one_of(WORDS, WORDS, LETTERS)
SLY = st.one_of(WORDS, CONTROLS, LETTERS)


def texts(parts):
    return st.lists(parts, min_size=1, max_size=6).map("".join).filter(lambda text: text.strip())


@st.composite
def dialogues(draw, parts=PARTS, thinks=False, has_tools=False):
    """Perhaps a system message, then questions with answers; perhaps with thoughts, perhaps with tools."""
    said = texts(parts)
    found = [Message("system", draw(said))] if draw(st.booleans()) else []
    for _ in range(draw(st.integers(1, 4))):
        found.append(Message("user", draw(said)))
        while has_tools and draw(st.booleans()):
            found.append(Message("assistant", draw(_answers(said, thinks))))
            found += [Message("tool", draw(said)) for _ in range(draw(st.integers(1, 2)))]
        found.append(Message("assistant", draw(_answers(said, thinks))))
    return tuple(found)


def _answers(said, thinks):
    if not thinks:
        return said
    thought = st.one_of(st.just(""), st.sampled_from(["Hm.", "The sky?\nYes, the sky.", "🤔"]))
    return st.tuples(thought, said).map(lambda t: f"<think>\n{t[0]}\n</think>\n\n{t[1]}" if t[0] else t[1])


@cache
def opened(name):
    tokenizer = styled_tokenizer(STYLES[name])
    return tokenizer, open_template(tokenizer)


def encoded(name, row, train_on="answers", limit=None, too_long="cut"):
    tokenizer, template = opened(name)
    return next(encode_rows([row], tokenizer, template, train_on, limit, too_long))


def assert_same(name, dialogue, train_on):
    found = encoded(name, Conversation(1, dialogue), train_on)
    assert not isinstance(found, Refused), found.reason
    assert (found.ids, found.trained) == reference(opened(name)[0], STYLES[name], dialogue, train_on)


TRAIN_ON = st.sampled_from(["answers", "last-answer", "everything"])


@pytest.mark.parametrize("name", STYLES)
def test_any_dialogue_is_masked_as_the_slow_reference_does(name):
    @settings(max_examples=25, deadline=None)
    @given(dialogue=dialogues(), train_on=TRAIN_ON)
    def holds(dialogue, train_on):
        assert_same(name, dialogue, train_on)

    holds()


@pytest.mark.parametrize("name", STYLES)
def test_text_that_reads_like_control_tokens_is_text_in_every_style(name):
    @settings(max_examples=25, deadline=None)
    @given(dialogue=dialogues(SLY), train_on=TRAIN_ON)
    def holds(dialogue, train_on):
        assert_same(name, dialogue, train_on)

    holds()


def test_a_separator_after_a_token_that_takes_white_space_is_kept():
    dialogue = (Message("user", "Say </s>"), Message("assistant", "\x1f so"))
    assert_same("phi, tokens take white space", dialogue, "answers")


@pytest.mark.parametrize("name", [name for name, style in STYLES.items() if style.has_tools])
def test_what_tools_say_is_never_learned(name):
    @settings(max_examples=25, deadline=None)
    @given(dialogue=dialogues(has_tools=True), train_on=TRAIN_ON)
    def holds(dialogue, train_on):
        assert_same(name, dialogue, train_on)

    holds()


@pytest.mark.parametrize("name", ["qwen3", "deepseek, opens with a thought", "chatml", "llama 3"])
def test_thoughts_are_learned_where_the_template_keeps_them(name):
    @settings(max_examples=40, deadline=None)
    @given(dialogue=dialogues(thinks=True, has_tools=STYLES[name].has_tools), train_on=TRAIN_ON)
    def holds(dialogue, train_on):
        assert_same(name, dialogue, train_on)

    holds()


@settings(max_examples=40, deadline=None)
@given(dialogue=dialogues(), name=st.sampled_from(sorted(STYLES)), label=st.booleans())
def test_pairs_and_feedback_learn_their_answers_as_the_last_answer_of_a_dialogue(dialogue, name, label):
    prompt, answer = dialogue[:-1], dialogue[-1:]
    alone = encoded(name, Conversation(1, dialogue), "last-answer")
    judged = encoded(name, Feedback(1, prompt, answer, label), "everything")
    pair = encoded(name, Preference(1, prompt, answer, (Message("assistant", "No!"),)), "everything")
    assert (judged.ids, judged.trained) == (alone.ids, alone.trained)
    assert (pair.chosen.ids, pair.chosen.trained) == (alone.ids, alone.trained)
    shared = pair.prompt_length
    assert pair.chosen.ids[:shared] == pair.rejected.ids[:shared]
    assert not any(pair.chosen.trained[:shared] + pair.rejected.trained[:shared])


FIXED = (
    Message("system", "Be kind."),
    Message("user", "What colour is the sky?"),
    Message("assistant", "Blue."),
    Message("user", "And the grass?"),
    Message("assistant", "It is green."),
)


@pytest.mark.parametrize("name", [name for name in STYLES if "opens with a thought" not in name])
def test_what_is_asked_when_answering_is_what_stood_before_the_answer_in_training(name):
    tokenizer, template = opened(name)
    asked = encode_prompt(
        tokenizer, [{"role": m.role, "content": m.content} for m in template.writer.fold(FIXED[:-1])]
    )
    trained = encoded(name, Conversation(1, FIXED), "last-answer")
    assert trained.ids[: len(asked)] == asked
    assert trained.trained.index(True) == len(asked)


# The reference itself ---------------------------------------------------------------------------------


@settings(max_examples=30, deadline=None)
@given(dialogue=dialogues(SLY), name=st.sampled_from(sorted(STYLES)))
def test_the_reference_writes_what_the_template_of_transformers_writes(dialogue, name):
    style, tokenizer = STYLES[name], opened(name)[0]
    if not style.has_system and dialogue[0].role == "system":
        dialogue = dialogue[1:]
    turns = [{"role": m.role, "content": m.content} for m in dialogue]
    written = tokenizer.apply_chat_template(turns, tokenize=False)
    assert "".join(text for text, _ in style.pieces(dialogue)) == written
    assert BREAK not in written
