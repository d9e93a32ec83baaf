"""Our losses against TRL's own code on random inputs, wherever TRL has the same formula.

TRL computes its losses in methods of its trainers: they are called here on a stand-in for `self` and for the
model, which hands out per-token log-probabilities drawn at random.
"""

import warnings
from collections import defaultdict
from types import SimpleNamespace

import pytest
import torch

from engine.methods.feedback import AnswerLogps, feedback_loss, kl_estimate
from engine.methods.pairs import PairLogps
from engine.methods.preference import preference_loss
from tests.methods.pairs import settings_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from trl import DPOTrainer, KTOTrainer
    from trl.experimental.cpo import CPOTrainer
    from trl.experimental.orpo import ORPOTrainer

COUNT, WIDTH = 5, 12


class Batch:
    """Pairs of random answers: per-token log-probabilities (2 * COUNT, WIDTH - 1), and which tokens are scored."""

    def __init__(self, seed):
        generator = torch.Generator().manual_seed(seed)
        lengths = torch.randint(2, 8, (2 * COUNT, 1), generator=generator)
        starts = torch.randint(1, 4, (2 * COUNT, 1), generator=generator)
        place = torch.arange(WIDTH).unsqueeze(0)
        self.mask = ((place >= starts) & (place < starts + lengths)).long()
        self.lengths = lengths

    def logps(self, seed):
        drawn = torch.rand(2 * COUNT, WIDTH - 1, generator=torch.Generator().manual_seed(seed)).double()
        return -2.5 * drawn * self.mask[:, 1:]

    def pairs(self, logps):
        scored = self.mask[:, 1:]
        shorter = torch.minimum(*self.lengths.chunk(2)).repeat(2, 1)
        shared = logps * (scored.cumsum(1) <= shorter)
        tokens = self.lengths.squeeze(1).double()
        return PairLogps(*logps.sum(1).chunk(2), *tokens.chunk(2), *shared.sum(1).chunk(2))


class Accelerator:
    device = torch.device("cpu")

    def gather(self, values):
        return values

    gather_for_metrics = gather


def trl_dpo(batch, policy, reference, **settings):
    """What TRL's DPO trainer makes of the batch: the mean loss, and its metrics."""
    metrics = {"train": defaultdict(list)}
    values = {"ld_alpha": None, "label_smoothing": 0.0, "loss_weights": [1.0], **settings}
    stand_in = SimpleNamespace(
        model=Scorer(policy),
        accelerator=Accelerator(),
        aux_loss_enabled=False,
        precompute_ref_logps=False,
        ref_model=Scorer(reference),
        args=SimpleNamespace(gradient_checkpointing_kwargs=None, discopop_tau=0.05),
        f_divergence_type="reverse_kl",
        use_weighting=False,
        _total_train_tokens=0,
        _tp_size=1,
        _metrics=metrics,
        **values,
    )
    inputs = {"completion_mask": batch.mask, "input_ids": batch.mask, "attention_mask": batch.mask}
    loss = DPOTrainer._compute_loss(stand_in, Scorer(policy), inputs, False)
    return loss.item(), metrics["train"]


class Scorer(torch.nn.Module):
    """A model that finds these log-probabilities whatever it is given."""

    is_gradient_checkpointing = False

    def __init__(self, logps):
        super().__init__()
        nothing = torch.zeros_like(logps)
        self.found = SimpleNamespace(
            log_probs=logps,
            entropy=nothing,
            mean_logits=nothing,
            is_top1=nothing.bool(),
            log_sum_sq_probs=nothing,
        )

    def forward(self, **_):
        return self.found


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "ours", "theirs"),
    [
        ("dpo", {"beta": 0.3}, {"loss_types": ["sigmoid"]}),
        ("dpo", {"beta": 0.3, "ld_alpha": 0.4}, {"loss_types": ["sigmoid"], "ld_alpha": 0.4}),
        ("dpo", {"beta": 0.3, "length_normalized": True}, {"loss_types": ["sigmoid_norm"]}),
        ("ipo", {"beta": 0.3}, {"loss_types": ["ipo"]}),
        ("hinge", {"beta": 0.3}, {"loss_types": ["hinge"]}),
        ("robust", {"beta": 0.3, "label_smoothing": 0.1}, {"loss_types": ["robust"], "label_smoothing": 0.1}),
        ("apo-zero", {"beta": 0.3}, {"loss_types": ["apo_zero"]}),
        ("apo-down", {"beta": 0.3}, {"loss_types": ["apo_down"]}),
        ("bco-pair", {"beta": 0.3}, {"loss_types": ["bco_pair"]}),
        ("nca-pair", {"beta": 0.3}, {"loss_types": ["nca_pair"]}),
        ("sppo", {"beta": 0.3}, {"loss_types": ["sppo_hard"]}),
        (
            "exo-pair",
            {"beta": 0.3, "label_smoothing": 0.1},
            {"loss_types": ["exo_pair"], "label_smoothing": 0.1},
        ),
        ("discopop", {"beta": 0.3}, {"loss_types": ["discopop"]}),
    ],
)
def test_losses_with_a_reference_equal_those_of_trl(kind, ours, theirs, seed):
    batch = Batch(seed)
    policy, reference = batch.logps(seed + 10), batch.logps(seed + 20)
    expected, metrics = trl_dpo(batch, policy, reference, beta=0.3, **theirs)
    loss = preference_loss(kind, batch.pairs(policy), batch.pairs(reference), settings_of(kind, **ours))
    assert loss.mean().item() == pytest.approx(expected, abs=1e-6)
    if "length_normalized" in ours or kind == "ipo":  # their rewards leave the lengths out of account
        return
    for name, trl_name in [
        ("reward_chosen", "chosen"),
        ("reward_margin", "margins"),
        ("accuracy", "accuracies"),
    ]:
        total, count = loss.metrics[name]
        assert float(total) / count == pytest.approx(metrics[f"rewards/{trl_name}"][0], abs=1e-6)


def test_trl_ignores_doubt_where_we_do_not():
    batch = Batch(0)
    policy, reference = batch.logps(10), batch.logps(20)
    doubting, _ = trl_dpo(batch, policy, reference, beta=0.3, loss_types=["sigmoid"], label_smoothing=0.2)
    certain, _ = trl_dpo(batch, policy, reference, beta=0.3, loss_types=["sigmoid"])
    assert doubting == certain
    settings = settings_of("dpo", beta=0.3, label_smoothing=0.2)
    loss = preference_loss("dpo", batch.pairs(policy), batch.pairs(reference), settings)
    assert loss.mean().item() != pytest.approx(certain, abs=1e-3)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(
    ("kind", "ours", "theirs", "is_mean"),
    [
        ("cpo", {"beta": 0.3, "sft_weight": 0.0}, {"loss_type": "sigmoid"}, False),
        (
            "cpo",
            {"beta": 0.3, "sft_weight": 0.0, "label_smoothing": 0.1},
            {"loss_type": "sigmoid", "label_smoothing": 0.1},
            False,
        ),
        ("simpo", {"beta": 0.3, "gamma": 0.6}, {"loss_type": "simpo", "simpo_gamma": 0.6}, True),
        ("dpo-reference-free", {"beta": 0.3}, {"loss_type": "sigmoid"}, False),
    ],
)
def test_losses_without_a_reference_equal_those_of_trl(kind, ours, theirs, is_mean, seed):
    batch = Batch(seed)
    pairs = batch.pairs(batch.logps(seed + 10))
    stand_in = SimpleNamespace(
        **{"alpha": 0.0, "beta": 0.3, "label_smoothing": 0.0, **theirs}, accelerator=Accelerator()
    )
    chosen, rejected = pairs.chosen, pairs.rejected
    if is_mean:
        chosen, rejected = chosen / pairs.chosen_tokens, rejected / pairs.rejected_tokens
    losses, reward_chosen, _ = CPOTrainer.cpo_loss(stand_in, chosen, rejected)
    loss = preference_loss(kind, pairs, None, settings_of(kind, **ours))
    assert loss.mean().item() == pytest.approx(losses.mean().item(), abs=1e-9)
    assert loss.metrics["reward_chosen"][0].item() == pytest.approx(reward_chosen.sum().item())


@pytest.mark.parametrize("seed", range(4))
def test_kto_equals_that_of_trl(seed):
    batch = Batch(seed)
    policy, others = batch.logps(seed + 10), batch.logps(seed + 30).sum(1)
    reference, other_reference = batch.logps(seed + 20).sum(1), batch.logps(seed + 40).sum(1)
    desirable = torch.rand(2 * COUNT, generator=torch.Generator().manual_seed(seed)) < 0.5
    metrics = {"train": defaultdict(list)}
    stand_in = SimpleNamespace(
        model=Scorer(policy),
        accelerator=Accelerator(),
        aux_loss_enabled=False,
        precompute_ref_logps=True,
        calculate_KL=True,
        loss_type="kto",
        beta=0.3,
        desirable_weight=1.5,
        undesirable_weight=0.7,
        _compute_kl_logps=lambda model, inputs: others,
        _total_train_tokens=0,
        _tp_size=1,
        _metrics=metrics,
    )
    inputs = {"completion_mask": batch.mask, "input_ids": batch.mask, "attention_mask": batch.mask}
    inputs |= {"label": desirable, "ref_logps": reference, "ref_KL_logps": other_reference}
    expected = KTOTrainer._compute_loss(stand_in, Scorer(policy), inputs, False)
    tokens = batch.lengths.squeeze(1)
    baseline = kl_estimate(AnswerLogps(others, tokens), AnswerLogps(other_reference, tokens))
    loss = feedback_loss(
        "kto",
        AnswerLogps(policy.sum(1), tokens),
        AnswerLogps(reference, tokens),
        desirable,
        settings_of("kto", beta=0.3, desirable_weight=1.5, undesirable_weight=0.7),
        baseline,
    )
    assert loss.mean().item() == pytest.approx(expected.item(), abs=1e-9)
    assert baseline == pytest.approx(metrics["train"]["kl"][0])
    for name, trl_name in (("reward_chosen", "chosen"), ("reward_rejected", "rejected")):
        total, count = loss.metrics[name]
        assert float(total) / count == pytest.approx(metrics["train"][f"rewards/{trl_name}"][0])


@pytest.mark.parametrize("seed", range(3))
def test_orpos_odds_ratio_equals_that_of_trl(seed):
    batch = Batch(seed)
    pairs = batch.pairs(batch.logps(seed + 10))
    chosen, rejected = pairs.chosen / pairs.chosen_tokens, pairs.rejected / pairs.rejected_tokens
    stand_in = SimpleNamespace(beta=0.3, accelerator=Accelerator())
    bonus = ORPOTrainer.odds_ratio_loss(stand_in, chosen, rejected)[
        0
    ]  # TRL subtracts it from the likelihood's loss
    loss = preference_loss("orpo", pairs, None, settings_of("orpo", beta=0.3))
    assert loss.mean().item() == pytest.approx((-chosen - bonus.double()).mean().item(), abs=1e-6)
