"""Trains the starter model from nothing: `python resources/starter/build.py` (about twelve minutes, two cores).

Writes the tokenizer, the weights in bfloat16 and their settings into this folder, then loads them again with
stock transformers and prints how many questions the model answers right, held-out (subject, phrasing) pairs
included. The text comes from corpus.py; the seed below fixes the text, the first weights and the row order.
"""

from __future__ import annotations

import argparse
import re
import sys
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[1]))  # so that it runs as a plain script, from any folder

import torch  # noqa: E402
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers  # noqa: E402
from torch.nn.functional import cross_entropy  # noqa: E402
from transformers import (  # noqa: E402
    AutoModelForCausalLM,
    AutoTokenizer,
    GenerationConfig,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
)

from resources.starter import corpus, exam  # noqa: E402

SEED = 7
CONTEXT = 512
STEPS = 3000
PEAK_RATE, WARM_UP = 3e-3, 50
SHORT_ROWS, LONG_ROWS = (16, 96), (3, CONTEXT)  # rows x tokens of an update
LONG_EVERY = 8  # every eighth update has long rows, so that all positions of the context are trained
IGNORED = -100
THREADS = 2  # the same sums in the same order on every machine with the same processor
SHOWN_MISTAKES = 20


def main() -> None:
    """Train, save, load again and print the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=STEPS, help="updates; fewer for a quick trial")
    parser.add_argument("--out", type=Path, default=HERE, help="folder to write into")
    arguments = parser.parse_args()
    torch.set_num_threads(THREADS)
    torch.manual_seed(SEED)
    tokenizer = train_tokenizer()
    model = new_model(tokenizer)
    print(f"{len(tokenizer)} tokens, {model.num_parameters():,} parameters", flush=True)
    train(model, tokenizer, arguments.steps)
    save(model, tokenizer, arguments.out)
    report(arguments.out)


def train_tokenizer(documents: int = 20_000) -> PreTrainedTokenizerFast:
    """A byte-level BPE over the corpus; any text can be written with it, unknown words byte by byte."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=2048,
        min_frequency=2,
        special_tokens=list(corpus.SPECIAL_TOKENS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    bpe.train_from_iterator(_without_special_tokens(islice(corpus.documents(SEED), documents)), trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        eos_token=corpus.END,
        pad_token=corpus.PAD,
        additional_special_tokens=[corpus.SYSTEM, corpus.USER, corpus.ASSISTANT],
        model_max_length=CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=(HERE / "chat_template.jinja").read_text(encoding="utf-8"),
    )


def new_model(tokenizer: PreTrainedTokenizerFast) -> LlamaForCausalLM:
    """A Llama of about two million random float32 parameters."""
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=192,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=CONTEXT,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    return LlamaForCausalLM(config)


def train(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, steps: int) -> None:
    """Next-token training with AdamW; the rate rises over the warm-up and then falls in a line to zero."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=PEAK_RATE, betas=(0.9, 0.95), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / WARM_UP, (steps - step) / max(1, steps - WARM_UP))
    )
    started, seen = time.monotonic(), 0.0
    batches = _batches(tokenizer)
    model.train()
    for step, ids in enumerate(islice(batches, steps), start=1):
        labels = ids[:, 1:].masked_fill(ids[:, 1:] == tokenizer.pad_token_id, IGNORED)
        logits = model(input_ids=ids[:, :-1]).logits
        loss = cross_entropy(logits.float().flatten(0, 1), labels.flatten(), ignore_index=IGNORED)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad(set_to_none=True)
        seen = 0.95 * seen + 0.05 * loss.item() if step > 1 else loss.item()
        if step % 50 == 0 or step == steps:
            print(f"step {step}/{steps}  loss {seen:.3f}  {time.monotonic() - started:.0f} s", flush=True)


def save(model: LlamaForCausalLM, tokenizer: PreTrainedTokenizerFast, folder: Path) -> None:
    """Write the weights in bfloat16 and everything stock transformers needs to load and to stop."""
    folder.mkdir(parents=True, exist_ok=True)
    model.generation_config = GenerationConfig(
        eos_token_id=[tokenizer.eos_token_id], pad_token_id=tokenizer.pad_token_id
    )
    model.bfloat16().save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def report(folder: Path) -> None:
    """Print the share of right greedy answers of the model in the folder, and the first wrong ones."""
    model = AutoModelForCausalLM.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    for name, pairs in (("trained", exam.trained_pairs(SEED)), ("held-out", exam.held_out_pairs())):
        wrong = exam.wrong_answers(model, tokenizer, pairs)
        right = len(pairs) - len(wrong)
        print(f"{name} pairs: {right} of {len(pairs)} right ({right / len(pairs):.1%})")
        for question, answer in wrong[:SHOWN_MISTAKES]:
            print(f"  {question}  ->  {answer or '(no end)'}")


def _batches(tokenizer: PreTrainedTokenizerFast) -> Iterator[torch.Tensor]:
    """Yield token ids [B, T] for ever: mostly short rows, now and then a few long ones."""
    documents = corpus.documents(SEED + 1)
    step = 0
    while True:
        step += 1
        count, length = LONG_ROWS if step % LONG_EVERY == 0 else SHORT_ROWS
        rows = islice(_rows(documents, tokenizer, length), count)
        yield torch.tensor(list(rows))


def _rows(documents: Iterator[str], tokenizer: PreTrainedTokenizerFast, length: int) -> Iterator[list[int]]:
    """Yield rows of whole documents, padded at the end; only a document longer than a row is cut."""
    row: list[int] = []
    for document in documents:
        ids = tokenizer(document, add_special_tokens=False)["input_ids"][:length]
        if len(row) + len(ids) > length:
            yield row + [tokenizer.pad_token_id] * (length - len(row))
            row = []
        row += ids


def _without_special_tokens(documents: Iterator[str]) -> Iterator[str]:
    special = re.compile("|".join(re.escape(token) for token in corpus.SPECIAL_TOKENS))
    for document in documents:
        yield special.sub("\n", document)


if __name__ == "__main__":
    main()
