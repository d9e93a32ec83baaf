import math

import pytest
import torch

from engine.job.methods import PretrainSettings, SftSettings
from engine.methods.logprobs import TokenLogps, token_logps
from engine.methods.supervised import supervised_loss


def test_loss_is_the_negative_log_chance_of_each_token():
    tokens = TokenLogps(torch.tensor([0.5, 0.25]).log(), torch.zeros(2))
    loss = supervised_loss("sft", tokens, SftSettings())
    assert loss.sum.item() == pytest.approx(math.log(2) + math.log(4))
    assert loss.count == 2
    assert loss.mean().item() == pytest.approx(1.5 * math.log(2))


def test_label_smoothing_spreads_certainty_over_all_words():
    # Chances 3/4 and 1/4, smoothing 0.2: the target distribution is 0.9 and 0.1.
    tokens = token_logps(torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([0]))
    loss = supervised_loss("sft", tokens, SftSettings(label_smoothing=0.2))
    assert loss.mean().item() == pytest.approx(-0.9 * math.log(3 / 4) - 0.1 * math.log(1 / 4))


def test_label_smoothing_equals_torch_cross_entropy():
    logits, targets = torch.randn(7, 11, dtype=torch.float64), torch.randint(11, (7,))
    loss = supervised_loss("sft", token_logps(logits, targets), SftSettings(label_smoothing=0.1))
    expected = torch.nn.functional.cross_entropy(logits, targets, label_smoothing=0.1)
    assert loss.mean().item() == pytest.approx(expected.item(), abs=1e-12)


def test_label_smoothing_without_the_mean_is_refused():
    tokens = TokenLogps(torch.tensor([0.5]).log())
    assert supervised_loss("sft", tokens, SftSettings()).sum.item() == pytest.approx(math.log(2))
    with pytest.raises(ValueError, match="smoothing"):
        supervised_loss("sft", tokens, SftSettings(label_smoothing=0.1))


def test_reading_plain_text_is_plain_cross_entropy():
    tokens = TokenLogps(torch.tensor([0.5]).log(), torch.zeros(1))
    assert supervised_loss("pretrain", tokens, PretrainSettings()).sum.item() == pytest.approx(math.log(2))


@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_gradient_agrees_with_finite_differences(smoothing):
    logits = torch.randn(3, 5, dtype=torch.float64, requires_grad=True)
    targets, settings = torch.tensor([0, 3, 4]), SftSettings(label_smoothing=smoothing)
    assert torch.autograd.gradcheck(
        lambda x: supervised_loss("sft", token_logps(x, targets), settings).sum, (logits,)
    )
