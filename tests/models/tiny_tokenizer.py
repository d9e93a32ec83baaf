"""A byte-level tokenizer trained on a few sentences, with the control tokens of many chat templates."""

from functools import cache

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerFast

CONTROL = [
    "<s>", "</s>", "<|im_start|>", "<|im_end|>", "<|begin_of_text|>", "<|eot_id|>", "<|start_header_id|>",
    "<|end_header_id|>", "[INST]", "[/INST]", "<bos>", "<eos>", "<start_of_turn>", "<end_of_turn>",
    "<|system|>", "<|user|>", "<|assistant|>", "<|end|>",
]  # fmt: skip
SENTENCES = [
    "The sky is blue and the grass is green.",
    "What colour is the sky? Answer: yes, the answer is yes.",
    "Please be kind to every animal. The cat says hello, and the dog says hello too.",
    "One and one is two. Two and two is four.",
]


@cache
def _backend(control: tuple[str, ...]) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=True)
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=list(control),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(SENTENCES * 4, trainer)
    return tokenizer.to_str()


def tiny_tokenizer(template=None, bos=None, eos=None, adds_bos=False, control=tuple(CONTROL)):
    """A fresh tokenizer; `adds_bos` begins plain text with `bos` as Llama's does."""
    backend = Tokenizer.from_str(_backend(tuple(control)))
    if adds_bos:
        template_processor = processors.TemplateProcessing(
            single=f"{bos} $A", special_tokens=[(bos, backend.token_to_id(bos))]
        )
        backend.post_processor = processors.Sequence([backend.post_processor, template_processor])
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=backend, bos_token=bos, eos_token=eos)
    tokenizer.chat_template = template
    return tokenizer


def styled_tokenizer(style, adds_bos=True):
    """The tokenizer of a model of that style."""
    control = tuple(dict.fromkeys((*CONTROL, *style.more)))
    tokenizer = tiny_tokenizer(style.template, style.bos, style.eos, adds_bos, control)
    if style.taking:
        tokenizer.add_tokens(
            [AddedToken(text, rstrip=True, special=True) for text in style.taking], special_tokens=True
        )
    return tokenizer
