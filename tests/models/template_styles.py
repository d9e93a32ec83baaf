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
    has_tools: bool = False
    more: tuple[str, ...] = ()
    """Control tokens beyond those that every tiny tokenizer has."""
    taking: tuple[str, ...] = ()
    """Control tokens that take the white space after them."""


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

LLAMA3 = """{{ bos_token }}{% for m in messages %}{% set role = 'ipython' if m.role == 'tool' else m.role %}{{ '<|start_header_id|>' + role + '<|end_header_id|>\n\n' + m.content | trim + '<|eot_id|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|start_header_id|>assistant<|end_header_id|>\n\n' }}{% endif %}"""


def _llama3(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<|begin_of_text|>", False)]
    for m in messages:
        role = "ipython" if m.role == "tool" else m.role
        pieces.append((f"<|start_header_id|>{role}<|end_header_id|>\n\n", False))
        pieces.append((f"{m.content.strip()}<|eot_id|>", m.role == "assistant"))
    return pieces


LLAMA2 = """{% if messages[0].role == 'system' %}{% set rest = messages[1:] %}{% set system = '<<SYS>>\n' + messages[0].content + '\n<</SYS>>\n\n' %}{% else %}{% set rest = messages %}{% set system = '' %}{% endif %}{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('Conversation roles must alternate user/assistant') }}{% endif %}{% if loop.index0 == 0 %}{% set content = system + m.content %}{% else %}{% set content = m.content %}{% endif %}{% if m.role == 'user' %}{{ bos_token + '[INST] ' + content | trim + ' [/INST]' }}{% else %}{{ ' ' + content | trim + ' ' + eos_token }}{% endif %}{% endfor %}"""


def _llama2(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    system = ""
    for m in messages:
        if m.role == "system":
            system = f"<<SYS>>\n{m.content}\n<</SYS>>\n\n"
        elif m.role == "user":
            pieces.append((f"<s>[INST] {(system + m.content).strip()} [/INST]", False))
            system = ""
        else:
            pieces.append((f" {m.content.strip()} </s>", True))
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
            system = m.content.strip() + "\n\n"
            continue
        role = "model" if m.role == "assistant" else "user"
        pieces.append((f"<start_of_turn>{role}\n", False))
        pieces.append((f"{(system + m.content).strip()}<end_of_turn>", role == "model"))
        pieces.append(("\n", False))
        system = ""
    return pieces


QWEN3 = """{% set ns = namespace(last=messages | length - 1, is_open=true) %}{% for m in messages[::-1] %}{% set index = messages | length - 1 - loop.index0 %}{% if ns.is_open and m.role == 'user' and not (m.content.startswith('<tool_response>') and m.content.endswith('</tool_response>')) %}{% set ns.is_open = false %}{% set ns.last = index %}{% endif %}{% endfor %}{% for m in messages %}{% if m.role == 'user' or m.role == 'system' %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% elif m.role == 'assistant' %}{% set thought = '' %}{% set said = m.content %}{% if '</think>' in m.content %}{% set said = m.content.split('</think>')[-1].lstrip('\n') %}{% set thought = m.content.split('</think>')[0].rstrip('\n').split('<think>')[-1].lstrip('\n') %}{% endif %}{% if loop.index0 > ns.last and (loop.last or thought) %}{{ '<|im_start|>assistant\n<think>\n' + thought.strip('\n') + '\n</think>\n\n' + said.lstrip('\n') }}{% else %}{{ '<|im_start|>assistant\n' + said }}{% endif %}{{ '<|im_end|>\n' }}{% elif m.role == 'tool' %}{% if loop.first or messages[loop.index0 - 1].role != 'tool' %}{{ '<|im_start|>user' }}{% endif %}{{ '\n<tool_response>\n' + m.content + '\n</tool_response>' }}{% if loop.last or messages[loop.index0 + 1].role != 'tool' %}{{ '<|im_end|>\n' }}{% endif %}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"""


def _qwen3(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = []
    last_asked = max(index for index, m in enumerate(messages) if m.role == "user")
    for index, m in enumerate(messages):
        is_last = index == len(messages) - 1
        if m.role == "tool":
            pieces.append(("" if messages[index - 1].role == "tool" else "<|im_start|>user", False))
            pieces.append((f"\n<tool_response>\n{m.content}\n</tool_response>", False))
            is_over = is_last or messages[index + 1].role != "tool"
            pieces.append(("<|im_end|>\n" if is_over else "", False))
            continue
        pieces.append((f"<|im_start|>{m.role}\n", False))
        said = m.content
        if m.role == "assistant":
            thought, is_thought, rest = said.rpartition("</think>")
            thought = thought.removeprefix("<think>").strip("\n") if is_thought else ""
            said = rest.lstrip("\n") if is_thought else said
            if index > last_asked and (is_last or thought):
                said = "<think>\n" + thought + "\n</think>\n\n" + said.lstrip("\n")
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


DEEPSEEK = """{{ bos_token }}{% for m in messages %}{% if m.role == 'user' %}{{ '<｜User｜>' + m.content }}{% elif m.role == 'assistant' %}{{ '<｜Assistant｜>' + m.content.split('</think>')[-1] + eos_token }}{% else %}{{ m.content }}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<｜Assistant｜><think>\n' }}{% endif %}"""


def _deepseek(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<｜begin▁of▁sentence｜>", False)]
    for m in messages:
        said = m.content.rpartition("</think>")[2]
        pieces.append(({"user": "<｜User｜>", "assistant": "<｜Assistant｜>"}.get(m.role, ""), False))
        if m.role == "assistant":
            pieces.append((f"{said}<｜end▁of▁sentence｜>", True))
        else:
            pieces.append((m.content, False))
    return pieces


COMMAND = """{{ bos_token }}{% for m in messages %}{% set who = {'system': '<|SYSTEM_TOKEN|>', 'user': '<|USER_TOKEN|>', 'assistant': '<|CHATBOT_TOKEN|>'}[m.role] %}{{ '<|START_OF_TURN_TOKEN|>' + who + m.content.strip() + '<|END_OF_TURN_TOKEN|>' }}{% endfor %}{% if add_generation_prompt %}{{ '<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>' }}{% endif %}"""


def _command(messages: Sequence[Message]) -> Pieces:
    pieces: Pieces = [("<BOS_TOKEN>", False)]
    for m in messages:
        who = {"system": "SYSTEM", "user": "USER", "assistant": "CHATBOT"}[m.role]
        pieces.append((f"<|START_OF_TURN_TOKEN|><|{who}_TOKEN|>", False))
        pieces.append((f"{m.content.strip()}<|END_OF_TURN_TOKEN|>", m.role == "assistant"))
    return pieces


STYLES = {
    style.name: style
    for style in (
        Style("chatml", CHATML, _chatml, end="<|im_end|>", has_tools=True),
        Style("chatml, tag before the end token", TAGGED_SHORT, _chatml, end="<|im_end|>", has_tools=True),
        Style("chatml, tag beyond the end token", TAGGED_LONG, _chatml, end="<|im_end|>", has_tools=True),
        Style(
            "llama 3",
            LLAMA3,
            _llama3,
            bos="<|begin_of_text|>",
            eos="<|eot_id|>",
            end="<|eot_id|>",
            has_tools=True,
        ),
        Style("llama 2", LLAMA2, _llama2),
        Style("mistral", MISTRAL, _mistral),
        Style("gemma", GEMMA, _gemma, bos="<bos>", eos="<eos>", end="<end_of_turn>", has_system=False),
        Style("qwen3", QWEN3, _qwen3, eos="<|im_end|>", end="<|im_end|>", has_tools=True),
        Style("zephyr", ZEPHYR, _zephyr),
        Style("phi", PHI, _phi, end="<|end|>"),
        Style(
            "phi, tokens take white space",
            PHI,
            _phi,
            end="<|end|>",
            taking=("<|end|>", "<|user|>", "<|assistant|>", "<|system|>"),
        ),
        Style("alpaca", ALPACA, _alpaca),
        Style(
            "deepseek, opens with a thought",
            DEEPSEEK,
            _deepseek,
            bos="<｜begin▁of▁sentence｜>",
            eos="<｜end▁of▁sentence｜>",
            end="<｜end▁of▁sentence｜>",
            more=("<｜begin▁of▁sentence｜>", "<｜end▁of▁sentence｜>", "<｜User｜>", "<｜Assistant｜>"),
        ),
        Style(
            "command r",
            COMMAND,
            _command,
            bos="<BOS_TOKEN>",
            eos="<|END_OF_TURN_TOKEN|>",
            end="<|END_OF_TURN_TOKEN|>",
            more=(
                "<BOS_TOKEN>",
                "<|START_OF_TURN_TOKEN|>",
                "<|END_OF_TURN_TOKEN|>",
                "<|SYSTEM_TOKEN|>",
                "<|USER_TOKEN|>",
                "<|CHATBOT_TOKEN|>",
            ),
        ),
    )
}
