"""Chat templates in the style of well-known models, each with a hand-written account of what it gives.

A style's `pieces` are (text, is learned) in order, written out by hand from the style's rules.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from engine.data.rows import Message

Pieces = list[tuple[str, bool]]


@dataclass(frozen=True)
class Style:
    name: str
    template: str
    pieces: Callable[[Sequence[Message]], Pieces]
    bos: str = "<s>"
    eos: str = "</s>"
    end: str = "</s>"
    has_system: bool = True


def _chatml(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    for m in messages:
        pieces.append((f"<|im_start|>{m.role}\n", False))
        pieces.append((f"{m.content}<|im_end|>", m.role == "assistant"))
        pieces.append(("\n", False))
    return pieces


CHATML = """{% for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
TAGGED_SHORT = """{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% else %}{{ m.content }}{% endif %}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""
TAGGED_LONG = """{% for m in messages %}<|im_start|>{{ m.role }}
{% if m.role == 'assistant' %}{% generation %}{{ m.content }}<|im_end|>
{% endgeneration %}{% else %}{{ m.content }}<|im_end|>
{% endif %}{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

LLAMA3 = """{{ bos_token }}{% for m in messages %}{{ '<|start_header_id|>' + m.role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""


def _llama3(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<|begin_of_text|>", False)]
    for m in messages:
        pieces.append((f"<|start_header_id|>{m.role}<|end_header_id|>\n\n", False))
        pieces.append((f"{m.content}<|eot_id|>", m.role == "assistant"))
    return pieces


MISTRAL = """{{ bos_token }}{% if messages[0].role == 'system' %}{% set system = messages[0].content + '\n\n' %}{% set rest = messages[1:] %}{% else %}{% set system = '' %}{% set rest = messages %}{% endif %}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Roles must alternate user and assistant') }}{% endif %}{% if m.role == 'user' %}{{ '[INST] ' + (system if loop.first else '') + m.content + ' [/INST]' }}{% else %}{{ ' ' + m.content + eos_token }}{% endif %}{% endfor %}"""


def _mistral(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<s>", False)]
    system = ""
    for m in messages:
        if m.role == "system":
            system = m.content + "\n\n"
        elif m.role == "user":
            pieces.append((f"[INST] {system}{m.content} [/INST]", False))
            system = ""
        else:
            pieces.append((f" {m.content}</s>", True))
    return pieces


GEMMA = """{{ bos_token }}{% if messages[0].role == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for m in messages %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}{% set role = 'model' if m.role == 'assistant' else m.role %}{{ '<start_of_turn>' + role + '\n' + m.content | trim + '<end_of_turn>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""


def _gemma(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<bos>", False)]
    system = ""
    for m in messages:
        if m.role == "system":
            system = m.content + "\n\n"
            continue
        role = "model" if m.role == "assistant" else "user"
        pieces.append((f"<start_of_turn>{role}\n", False))
        pieces.append((f"{system}{m.content}<end_of_turn>", role == "model"))
        pieces.append(("\n", False))
        system = ""
    return pieces


QWEN3 = """{% set ns = namespace(last=0) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}{% for m in messages %}{% if m.role == 'assistant' %}{% set said = m.content.split('</think>')[-1].lstrip('\n') %}{% set thought = m.content.split('</think>')[0].split('<think>')[-1].strip('\n') if '</think>' in m.content else '' %}{% if loop.index0 > ns.last and (loop.last or thought) %}{{ '<|im_start|>assistant\n<think>\n' + thought + '\n</think>\n\n' + said }}{% else %}{{ '<|im_start|>assistant\n' + said }}{% endif %}{{ '<|im_end|>\n' }}{% else %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""


def _qwen3(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    for index, m in enumerate(messages):
        pieces.append((f"<|im_start|>{m.role}\n", False))
        said = m.content
        if m.role == "assistant":
            thought, is_thought, said = said.rpartition("</think>")
            thought = thought.removeprefix("<think>").strip("\n") if is_thought else ""
            said = said.lstrip("\n")
            if index == len(messages) - 1:
                said = f"<think>\n{thought}\n</think>\n\n{said}"
        pieces.append((f"{said}<|im_end|>", m.role == "assistant"))
        pieces.append(("\n", False))
    return pieces


ZEPHYR = """{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + eos_token + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% endif %}"""


def _zephyr(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    for m in messages:
        pieces.append((f"<|{m.role}|>\n", False))
        pieces.append((f"{m.content}</s>", m.role == "assistant"))
        pieces.append(("\n", False))
    return pieces


PHI = """{% for m in messages %}{{ '<|' + m.role + '|>\n' + m.content + '<|end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}"""


def _phi(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    for m in messages:
        pieces.append((f"<|{m.role}|>\n", False))
        pieces.append((f"{m.content}<|end|>", m.role == "assistant"))
        pieces.append(("\n", False))
    pieces.append(("</s>", False))
    return pieces


ALPACA = """{% for m in messages %}{% if m.role == 'system' %}{{ m.content + '\n\n' }}{% elif m.role == 'user' %}{{ '### Instruction:\n' + m.content + '\n\n' }}{% else %}{{ '### Response:\n' + m.content + eos_token + '\n\n' }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '### Response:\n' }}{% endif %}"""


def _alpaca(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    for m in messages:
        if m.role == "system":
            pieces.append((f"{m.content}\n\n", False))
        elif m.role == "user":
            pieces.append((f"### Instruction:\n{m.content}\n\n", False))
        else:
            pieces += [("### Response:\n", False), (f"{m.content}</s>", True), ("\n\n", False)]
    return pieces


THINKING = """{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<|user|>' + m.content }}{% elif m.role == 'assistant' %}{{ '<|assistant|>' + m.content.split('</think>')[-1] + eos_token }}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|><think>\n' }}{% endif %}"""


def _thinking(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<s>", False)]
    for m in messages:
        said = m.content.rpartition("</think>")[2]
        pieces.append(({"user": "<|user|>", "assistant": "<|assistant|>"}.get(m.role, ""), False))
        pieces.append((said + ("</s>" if m.role == "assistant" else ""), m.role == "assistant"))
    return pieces


STYLES = {
    style.name: style
    for style in (
        Style("chatml", CHATML, _chatml, end="<|im_end|>"),
        Style("chatml, tag before the end token", TAGGED_SHORT, _chatml, end="<|im_end|>"),
        Style("chatml, tag beyond the end token", TAGGED_LONG, _chatml, end="<|im_end|>"),
        Style("llama 3", LLAMA3, _llama3, bos="<|begin_of_text|>", eos="<|eot_id|>", end="<|eot_id|>"),
        Style("mistral", MISTRAL, _mistral),
        Style("gemma", GEMMA, _gemma, bos="<bos>", eos="<eos>", end="<end_of_turn>", has_system=False),
        Style("qwen3", QWEN3, _qwen3, eos="<|im_end|>", end="<|im_end|>"),
        Style("zephyr", ZEPHYR, _zephyr),
        Style("phi", PHI, _phi, end="<|end|>"),
        Style("alpaca", ALPACA, _alpaca),
        Style("opens with a thought", THINKING, _thinking),
    )
}
