import re
import time

import pytest
from jinja2 import TemplateError
from transformers.utils.chat_template_utils import render_jinja_template

from engine.data.rows import Conversation, Message
from engine.job.errors import ModelError
from engine.models import template_trial
from engine.models.chat_jinja import ChatTemplate
from engine.models.template import encode, open_template
from tests.models.template_styles import CHATML, STYLES
from tests.models.tiny_tokenizer import tiny_tokenizer

DIALOGUE = [
    {"role": "system", "content": "Be kind."},
    {"role": "user", "content": " What colour? <b>&amp;</b> "},
    {"role": "assistant", "content": "Blue 🌤️.\n"},
    {"role": "user", "content": "And the grass?"},
    {"role": "assistant", "content": "<think>\nHm.\n</think>\n\nGreen."},
]
NAMES = {"bos_token": "<s>", "eos_token": "</s>"}
ODD = {
    "json": "{{ messages | tojson }}{{ messages | tojson(indent=2) }}",
    "loops": "{% for m in messages %}{% if loop.first %}{% continue %}{% endif %}{{ m.content }}{% break %}{% endfor %}",
    "namespace": "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor %}{{ ns.n }}",
    "tools": "{% if tools %}T{% endif %}{{ tools is none }}{{ documents is none }}{{ missing is defined }}",
    "arithmetic": "{{ 'ab' * 3 }}{{ '%s-%d' % ('x', 2) }}{{ 2 ** 8 }}{{ messages[1:] | length + 1 }}{{ 'a' + 'b' ~ 1 }}",
    "dict": "{{ dict(a=1).a }}{% set d = dict(b=2) %}{{ d['b'] }}",
}


def rendered(source, opens=False):
    template = ChatTemplate(source)
    return template.render(DIALOGUE, opens, NAMES)


@pytest.mark.parametrize("opens", [False, True])
@pytest.mark.parametrize("name", [*STYLES, *ODD])
def test_text_and_answers_are_what_transformers_renders(name, opens):
    source = ODD.get(name) or STYLES[name].template
    has_tags = "generation %}" in source
    try:
        texts, spans = render_jinja_template(
            conversations=[DIALOGUE],
            chat_template=source,
            return_assistant_tokens_mask=has_tags,
            add_generation_prompt=opens,
            **NAMES,
        )
    except (TemplateError, TypeError) as error:
        with pytest.raises(type(error), match=re.escape(str(error))):
            rendered(source, opens)
        return
    assert rendered(source, opens) == (texts[0], list(spans[0]) if has_tags else [])


LOOP = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}"
BOMBS = {
    "a repeated text": "{{ 'a' * 10**9 }}",
    "a power": "{{ 10 ** (10 ** 8) }}",
    "an endless loop": LOOP,
    "a text that doubles": "{% set ns = namespace(a='aaaaaaaa') %}{% for i in range(60) %}{% set ns.a = ns.a ~ ns.a %}{% endfor %}{{ ns.a }}",
    "a wide format": "{{ '%999999999d' % 1 }}",
    "a wide filter": "{{ 'a' | center(4000000000) }}",
    "too much text": "{% for a in range(90000) %}{{ 'word ' * 1000 }}{% endfor %}",
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_template_bomb_ends_in_a_sentence_within_five_seconds(name):
    started = time.monotonic()
    with pytest.raises(ModelError, match="chat template was stopped: it") as caught:
        open_template(tiny_tokenizer(BOMBS[name], eos="</s>"))
    assert "plain" in caught.value.advice
    # the child's start on a busy computer is not the template's time
    assert time.monotonic() - started < 5 + 5


def test_a_bomb_that_waits_for_a_row_is_stopped_too(monkeypatch):
    monkeypatch.setattr("engine.models.chat_jinja.SECONDS", 0.3)
    sly = CHATML + "{% if 'boom' in messages[0].content %}" + LOOP + "{% endif %}"
    tokenizer = tiny_tokenizer(sly, eos="</s>")
    template = open_template(tokenizer)
    quiet = Conversation(1, (Message("user", "Hello"), Message("assistant", "Hi")))
    encode(quiet, tokenizer, template, "answers", None)
    with pytest.raises(ModelError, match="takes longer than"):
        encode(
            Conversation(2, (Message("user", "boom"), quiet.messages[1])),
            tokenizer,
            template,
            "answers",
            None,
        )
    encode(quiet, tokenizer, template, "answers", None)


def test_a_template_that_passed_is_not_tried_again(monkeypatch):
    source = CHATML + "{# a template of its own #}"
    open_template(tiny_tokenizer(source, eos="</s>"))
    monkeypatch.setattr(template_trial, "_known", set())
    monkeypatch.setattr(template_trial, "_tried", lambda *_: pytest.fail("tried again"))
    open_template(tiny_tokenizer(source, eos="</s>"))


def test_a_namespace_gives_no_way_to_pythons_inside():
    with pytest.raises(Exception, match="may not store '__class__'"):
        rendered("{% set ns = namespace(__class__=1) %}")
