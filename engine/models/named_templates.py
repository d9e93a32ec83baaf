"""Chat templates by name, for models that bring none or whose own is not wanted.

Each is written from the public description of its format. `needs` are the tokens that must stand in the
vocabulary: no token is invented. All mark answers by generation tags, their end token included.
"""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Named:
    """A template without its BOS; `title` names it in messages."""

    title: str
    text: str
    needs: tuple[str, ...] = ()


def _by_turn(opening: str, closing: str, between: str = "") -> str:
    """A template that writes every turn alike: `opening` holds ROLE, `closing` belongs to what is said."""
    said = "{{ message['content'] | trim }}" + closing
    return (
        "{% for message in messages %}{{ " + opening.replace("ROLE", "message['role']") + " }}"
        "{% if message['role'] == 'assistant' %}{% generation %}" + said + "{% endgeneration %}"
        "{% else %}" + said + "{% endif %}" + between + "{% endfor %}"
        "{% if add_generation_prompt %}{{ " + opening.replace("ROLE", "'assistant'") + " }}{% endif %}"
    )


def _folding(user: str, answer: str, opens: str) -> str:
    """A template without a place for a system message, which it puts before the first user message."""
    return (
        "{% if messages[0]['role'] == 'system' %}"
        "{% set before = messages[0]['content'] | trim + '\n\n' %}{% set turns = messages[1:] %}"
        "{% else %}{% set before = '' %}{% set turns = messages %}{% endif %}"
        "{% for message in turns %}{% if message['role'] == 'assistant' %}" + answer + "{% else %}"
        "{% set said = (before if loop.first else '') + message['content'] | trim %}" + user + "{% endif %}"
        "{% endfor %}{% if add_generation_prompt %}" + opens + "{% endif %}"
    )


_TAGGED = "{% generation %}{{ message['content'] | trim }}{{ eos_token }}{% endgeneration %}"

TEMPLATES = {
    "chatml": Named(
        "ChatML",
        _by_turn("'<|im_start|>' + ROLE + '\n'", "<|im_end|>", "{{ '\n' }}"),
        ("<|im_start|>", "<|im_end|>"),
    ),
    "llama3": Named(
        "Llama 3",
        _by_turn("'<|start_header_id|>' + ROLE + '<|end_header_id|>\n\n'", "<|eot_id|>"),
        ("<|start_header_id|>", "<|end_header_id|>", "<|eot_id|>"),
    ),
    "gemma": Named(
        "Gemma",
        _folding(
            "{{ '<start_of_turn>user\n' + said + '<end_of_turn>\n' }}",
            "{{ '<start_of_turn>model\n' }}{% generation %}{{ message['content'] | trim }}<end_of_turn>"
            "{% endgeneration %}{{ '\n' }}",
            "{{ '<start_of_turn>model\n' }}",
        ),
        ("<start_of_turn>", "<end_of_turn>"),
    ),
    "mistral": Named(
        "Mistral",
        _folding("{{ '[INST] ' + said + '[/INST]' }}", "{{ ' ' }}" + _TAGGED, ""),
        ("[INST]", "[/INST]"),
    ),
    "zephyr": Named(
        "Zephyr", _by_turn("'<|' + ROLE + '|>\n'", "{{ eos_token }}", "{{ '\n' }}")
    ),
    "alpaca": Named(
        "Alpaca",
        "{% for message in messages %}{% if message['role'] == 'assistant' %}"
        "{{ '### Response:\n' }}" + _TAGGED + "{% elif message['role'] == 'system' %}{{ message['content'] | trim }}"
        "{% else %}{{ '### Instruction:\n' + message['content'] | trim }}{% endif %}"
        "{{ '\n\n' if not loop.last or add_generation_prompt }}{% endfor %}"
        "{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}",
    ),
    "plain": Named(
        "Plain roles",
        "{% for message in messages %}{% if message['role'] == 'assistant' %}"
        "{{ 'Assistant:\n' }}" + _TAGGED + "{% else %}{{ message['role'] | capitalize + ':\n' + message['content'] | trim }}"
        "{% endif %}{{ '\n\n' if not loop.last or add_generation_prompt }}{% endfor %}"
        "{% if add_generation_prompt %}{{ 'Assistant:\n' }}{% endif %}",
    ),
}  # fmt: skip
_BY_TOKENS = ("chatml", "llama3", "gemma", "mistral")


def fitting(vocabulary: Collection[str]) -> str:
    """The name of the template whose tokens a model's vocabulary has; "plain" when it has none's."""
    return next((name for name in _BY_TOKENS if not lacking(name, vocabulary)), "plain")


def lacking(name: str, vocabulary: Collection[str]) -> list[str]:
    """The tokens that a template needs and a vocabulary does not have."""
    return [token for token in TEMPLATES[name].needs if token not in vocabulary]
