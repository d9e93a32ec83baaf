"""What padding must not change: losses, log-probabilities, and that the end of an answer is learned."""

import dataclasses

import pytest
import torch
from torch.nn.functional import pad

from engine.data.rows import Conversation, Message
from engine.models.template import encode, open_template
from engine.train.batches import Example, collate
from engine.train.forward import Policy
from tests.models.template_styles import CHATML
from tests.models.tiny_models import FAMILIES, tiny_model
from tests.models.tiny_tokenizer import tiny_tokenizer
from tests.train.tiny_runs import example

EXAMPLES = [example(0, 12), example(1, 5), example(2, 8, prompt=5)]


def model_of(family):
    torch.manual_seed(0)
    return tiny_model(family).eval()


def padded_further(batch, more):
    """The same batch with more padding on the right than it needs."""
    width = batch.ids.shape[1]
    columns = batch.positions % width
    return dataclasses.replace(
        batch,
        ids=pad(batch.ids, (0, more)),
        mask=pad(batch.mask, (0, more)),
        positions=batch.rows * (width + more) + columns,
    )


@pytest.mark.parametrize("more", [0, 1, 9])
@pytest.mark.parametrize("family", FAMILIES)
def test_a_batchs_loss_is_that_of_its_rows_by_their_tokens_however_much_is_padded(family, more):
    policy = Policy(model_of(family), "cpu")
    with torch.no_grad():
        together = policy.score(padded_further(collate(EXAMPLES), more)).target
        alone = [policy.score(collate([one])).target for one in EXAMPLES]
    assert len(together) == sum(map(len, alone)) == 10 + 3 + 3
    by_tokens = sum(len(row) * row.mean() for row in alone) / len(together)
    torch.testing.assert_close(together.mean(), by_tokens, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(together, torch.cat(alone), atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rows_log_probability_is_that_of_a_batch_padded_on_the_left(family):
    model = model_of(family)
    parts = [one.parts[0] for one in EXAMPLES]
    width = max(len(part.ids) for part in parts)
    ids = torch.tensor([[0] * (width - len(part.ids)) + part.ids for part in parts])
    mask = torch.tensor([[0] * (width - len(part.ids)) + [1] * len(part.ids) for part in parts])
    places = (mask.cumsum(1) - 1).clamp(min=0)
    with torch.no_grad():
        logits = model(input_ids=ids, attention_mask=mask, position_ids=places).logits.double()
        ours = Policy(model, "cpu").score(collate(EXAMPLES))
    logps, expected = logits.log_softmax(-1), []
    for row, part in enumerate(parts):
        first = width - len(part.ids)
        learned = [place for place, is_learned in enumerate(part.trained) if place and is_learned]
        expected += [logps[row, first + place - 1, part.ids[place]].item() for place in learned]
    torch.testing.assert_close(ours.target, torch.tensor(expected), atol=1e-4, rtol=1e-5)


def test_an_end_token_that_is_also_the_padding_is_learned():
    tokenizer = tiny_tokenizer(CHATML, bos="<s>", eos="<|im_end|>")
    tokenizer.pad_token = tokenizer.eos_token
    template, examples = open_template(tokenizer), []
    for number, said in enumerate(("Blue.", "The grass is green and the sky is blue.")):
        row = Conversation(number, (Message("user", "What?"), Message("assistant", said)))
        examples.append(Example(number, number, (encode(row, tokenizer, template, "answers", None),)))
    batch = collate(examples)
    assert batch.mask is not None  # the shorter row is padded
    for row in range(2):
        learned = batch.targets[batch.rows == row].tolist()
        assert learned[-1] == tokenizer.pad_token_id == tokenizer.eos_token_id
        assert learned.count(tokenizer.eos_token_id) == 1
