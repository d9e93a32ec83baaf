import dataclasses
import math

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from engine.job.adapters import LoraSettings
from engine.job.events import Evaluated, Remark, Step
from engine.job.methods import METHODS
from engine.models.adapters import add_lora, trained_parameters
from engine.models.segments import segment_mask, take_segments
from engine.train.anchoring import _mark
from engine.train.batches import collate, full_rows, micro_batches, pack, share
from engine.train.forward import Policy
from tests.models.all_families import ALL_FAMILIES, model_of
from tests.train.proofs import is_proven_shared
from tests.train.test_loop import mean_gradients, training
from tests.train.tiny_pairs import CASES, SEVERAL, alike, pair
from tests.train.tiny_runs import example, run, tiny_job, told

PAIRED = [kind for kind, card in METHODS.items() if card.rows == "preference"]


def learning(family):
    """A model with an adapter that already says something."""
    model = add_lora(model_of(family), LoraSettings(rank=4))
    with torch.no_grad():
        for weight in trained_parameters(model).values():
            weight.add_(0.05 * torch.randn_like(weight))
    return model.eval()


def outcome(model, batches):
    """All answers' log-probabilities, chosen then rejected, and gradients of all weights, each answer weighing otherwise.

    Between the two, the log-probabilities over pairs' common length.
    """
    policy, weights = Policy(model, "cpu"), trained_parameters(model)
    pairs = [policy.score_pairs(batch) for batch in batches]
    sums = torch.cat([pairs.chosen for pairs in pairs] + [pairs.rejected for pairs in pairs])
    shares = torch.linspace(-1.0, 0.7, len(sums))
    gradients = torch.autograd.grad((sums * shares).sum(), list(weights.values()))
    common = torch.cat([getattr(p, f"{side}_shared") for side in ("chosen", "rejected") for p in pairs])
    return sums.detach(), common.detach(), gradients


def alone(model, pairs):
    """The same from the plain model, each answer's row by itself and every number written out."""
    weights, sums = trained_parameters(model), []
    for side in (0, 1):
        for row in pairs:
            part = row.parts[side]
            logps = model(input_ids=torch.tensor([part.ids])).logits[0].log_softmax(-1)
            learned = [place for place, is_learned in enumerate(part.trained) if is_learned]
            sums.append(sum(logps[place - 1, part.ids[place]] for place in learned))
    sums = torch.stack(sums)
    shares = torch.linspace(-1.0, 0.7, len(sums))
    return sums.detach(), torch.autograd.grad((sums * shares).sum(), list(weights.values()))


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_every_kind_of_pair_is_scored_and_learned_as_each_side_alone(family):
    model = learning(family)
    expected = {
        name: (alone(model, rows), outcome(model, [collate(rows)])[1]) for name, rows in CASES.items()
    }
    assert take_segments(model)
    for name, rows in CASES.items():
        (sums, gradients), common = expected[name]
        found, found_common, found_gradients = outcome(model, [share(rows)])
        torch.testing.assert_close(found, sums, atol=1e-5, rtol=1e-6, msg=name)
        torch.testing.assert_close(found_common, common, atol=1e-5, rtol=1e-6, msg=name)
        for one, other in zip(found_gradients, gradients, strict=True):
            assert (one - other).norm() <= 1e-4 * other.norm() + 1e-6, name


def wrongly(batch, allowed):
    """An attention for whole rows that lets token i see j where `allowed` (T, T) says so."""

    def attend(module, query, key, value, mask, **options):
        seen = allowed(batch.mask, options.get("sliding_window"))
        plain = ALL_ATTENTION_FUNCTIONS["sdpa"]
        return plain(module, query, key, value, seen[None, None], **options)

    return attend


def visible(mask, window, by_row=False, has_window=True):
    """What a token of a row of segments sees: True where rows' index or the tokens' own places are near enough."""
    rows = mask[0, 0].tolist()
    branch = [number for number, (length, _, _) in enumerate(rows) for _ in range(length)]
    first = [sum(length for length, _, _ in rows[:number]) for number in range(len(rows))]
    total = len(branch)
    place = [rows[b][2] + at - first[b] for at, b in enumerate(branch)]
    seen = torch.zeros(total, total, dtype=torch.bool)
    for query in range(total):
        _, start, shared = rows[branch[query]]
        for key in range(query + 1):
            is_seen = branch[key] == branch[query] or start <= key < start + shared
            distance = query - key if by_row else place[query] - place[key]
            seen[query, key] = is_seen and (not has_window or window is None or distance < window)
    return seen


def running_on(batch):
    return dataclasses.replace(batch, places=torch.arange(batch.ids.shape[1]).unsqueeze(0))


def one_sequence(batch):
    return dataclasses.replace(batch, mask=segment_mask([batch.ids.shape[1]]))


def no_mask(batch):
    return dataclasses.replace(batch, mask=None)


def all_ones(batch):
    return dataclasses.replace(batch, mask=torch.ones_like(batch.ids))


NAIVE_ROWS = {
    "positions run on": running_on,
    "the rejected answer sees the chosen one": one_sequence,
    "no mask": no_mask,
    "all ones": all_ones,
}
NAIVE_WINDOWS = {
    "the window is told by the row": lambda mask, window: visible(mask, window, by_row=True),
    "the window is lost": lambda mask, window: visible(mask, window, has_window=False),
}


def errors(model, right, wrong):
    """How far a row's log-probabilities are off, in nats."""
    with torch.no_grad():
        expected = Policy(model, "cpu").score(right).target
        return (Policy(model, "cpu").score(wrong).target - expected).abs().max().item()


@pytest.mark.parametrize("naive", NAIVE_ROWS)
def test_naive_rows_give_other_numbers_and_the_proof_sees_them(naive, tmp_path, monkeypatch):
    model = model_of("llama")
    assert take_segments(model)
    right = share(SEVERAL)
    assert errors(model, right, NAIVE_ROWS[naive](right)) > 1e-3
    assert is_proven_shared(tmp_path, model, SEVERAL)
    monkeypatch.setattr("engine.train.batches.share", lambda rows: NAIVE_ROWS[naive](share(rows)))
    assert not is_proven_shared(tmp_path, model, SEVERAL)


@pytest.mark.parametrize("family", ["sliding mistral", "gemma3"])
@pytest.mark.parametrize("naive", NAIVE_WINDOWS)
def test_naive_windows_give_other_numbers_and_the_proof_sees_them(naive, family, tmp_path, monkeypatch):
    model = model_of(family)
    assert take_segments(model)
    right, attentions = share(SEVERAL), ALL_ATTENTION_FUNCTIONS._global_mapping
    with torch.no_grad():
        expected = Policy(model, "cpu").score(right).target

    def found(allowed):
        monkeypatch.setitem(attentions, "segmented_sdpa", wrongly(right, allowed))
        with torch.no_grad():
            return (Policy(model, "cpu").score(right).target - expected).abs().max().item()

    assert found(visible) < 1e-4  # so written out it is right
    assert found(NAIVE_WINDOWS[naive]) > 0.01
    monkeypatch.setitem(attentions, "segmented_sdpa", of_either(NAIVE_WINDOWS[naive]))
    assert not is_proven_shared(tmp_path, model, SEVERAL)


def of_either(allowed):
    """The naive attention for segments, the model's own for everything else."""

    def attend(module, query, key, value, mask, **options):
        if mask is not None and mask.dtype == torch.int32:
            mask = allowed(mask, options.get("sliding_window"))[None, None]
        return ALL_ATTENTION_FUNCTIONS["sdpa"](module, query, key, value, mask, **options)

    return attend


def test_a_common_beginning_stands_once_and_places_go_on_from_it():
    first = pair(0, [[5, 6], [5, 6]], [[7, 8, 9], [7, 10]])
    second = pair(4, [[11, 12], [11, 13]], [[14], [15]])
    batch = share([first, second])
    assert batch.ids.tolist() == [[5, 6, 7, 8, 9, 11, 12, 14, 10, 13, 15]]
    assert batch.places.tolist() == [[0, 1, 2, 3, 4, 0, 1, 2, 3, 1, 2]]
    # length; start and length of what stands with the chosen answer
    assert batch.mask.tolist() == [[[[5, 0, 0], [3, 0, 0], [1, 0, 3], [2, 5, 1]]]]
    assert batch.spans == ((0, 0, 5), (0, 5, 8), (0, 8, 9), (0, 9, 11))
    # before 7, 8, 9 and 14; then before the rejected 7 and 10, which are read with the chosen answer, and before 15
    assert batch.positions.tolist() == [1, 2, 3, 6, 1, 2, 9]
    assert batch.targets.tolist() == [7, 8, 9, 14, 7, 10, 15]
    assert batch.rows.tolist() == [0, 0, 0, 1, 2, 2, 3]
    assert (batch.examples, batch.tokens, batch.count) == ((0, 4), 5 + 3 + 4 + 3, 4)


@pytest.mark.parametrize(
    ("case", "common"),
    [
        ("answers that differ at once", 10),
        ("answers that begin alike", 13),
        ("the rejected answer is a beginning of the chosen one", 13),  # 14 less the last token
        ("the chosen answer is a beginning of the rejected one", 14),
        ("the same answer twice", 16),  # 17 less the last token
        ("nothing in common", 0),
        ("one side's prompt has another last token", 9),
    ],
)
def test_what_is_common_is_what_both_rows_begin_with(case, common):
    assert CASES[case][0].common == common


def test_single_answers_are_packed_as_ever():
    rows = [example(0, 6), example(1, 4)]
    shared, packed = share(rows), pack(rows)
    for field in dataclasses.fields(packed):
        one, other = getattr(shared, field.name), getattr(packed, field.name)
        assert torch.equal(one, other) if isinstance(one, torch.Tensor) else one == other


def test_a_row_has_room_for_more_pairs_where_prompts_stand_once():
    rows = [alike(at, [101, 102], [201, 202]) for at in range(4)]  # 24 tokens, or 14
    assert [len(found) for found in full_rows(rows, 2)] == [2, 2]
    assert [len(found) for found in full_rows(rows, 2, is_shared=True)] == [2, 2]  # learned tokens: 8 at most
    mostly = [*rows, alike(4, [101] * 9, [201] * 9)]  # 38 tokens, or 28; 18 learned
    assert [len(found) for found in full_rows(mostly[::-1], 1, is_shared=True)] == [1, 2, 2]
    assert [len(found) for found in full_rows(mostly[::-1], 1)] == [1, 1, 1, 1, 1]
    widths = [batch.ids.shape[1] for batch in micro_batches(mostly, 1, "shared")]
    assert widths == [28, 28, 28]


def test_every_pair_is_in_exactly_one_shared_batch():
    rows = [alike(at, [101] * (1 + at % 7), [201] * (1 + at % 5)) for at in range(30)]
    batches = list(micro_batches(rows, 3, "shared"))
    assert sorted(index for batch in batches for index in batch.examples) == list(range(30))
    assert sum(batch.tokens for batch in batches) == sum(row.tokens for row in rows)


@pytest.mark.parametrize(("method", "recomputed"), [*((method, False) for method in PAIRED), ("dpo", True)])
def test_a_shared_update_has_the_loss_and_gradients_of_a_packed_one(method, recomputed, tmp_path):
    def update(way):
        update = training(tmp_path, method, way="packed")
        policy = dataclasses.replace(update.policy, way=way)
        update.objective._policy = policy
        if recomputed:
            policy.model.gradient_checkpointing_enable({"use_reentrant": False})
            policy.model.train()
        return mean_gradients(dataclasses.replace(update, policy=policy, examples=SEVERAL), 4)

    (packed, expected), (shared, gradients) = update("packed"), update("shared")
    assert shared.loss == pytest.approx(packed.loss, rel=1e-5)
    assert shared.count == packed.count
    assert shared.metrics == pytest.approx(packed.metrics, rel=1e-4, abs=1e-5)
    for name, gradient in gradients.items():
        assert (gradient - expected[name]).norm() <= 1e-4 * expected[name].norm(), name


@pytest.mark.parametrize("method", PAIRED)
def test_a_run_that_shares_tells_what_one_that_does_not_tells(method, tmp_path, monkeypatch):
    shared = []
    monkeypatch.setattr("engine.train.batches.share", lambda rows: shared.append(len(rows)) or share(rows))

    def events(sharing):
        job = tiny_job(tmp_path, method, rows={"prefix_sharing": sharing})
        return run(job, tmp_path / sharing)

    apart = events("off")
    assert not shared
    together = events("auto")
    assert shared
    assert not told(together, Remark)
    for kind in (Step, Evaluated):
        for one, other in zip(told(apart, kind), told(together, kind), strict=True):
            assert other.loss == pytest.approx(one.loss, rel=1e-5, abs=1e-6)
            assert other.metrics == pytest.approx(one.metrics, rel=1e-4, abs=1e-4)
    assert [step.tokens for step in told(together, Step)] == [step.tokens for step in told(apart, Step)]


@pytest.mark.parametrize("dtype", ["float32", "bfloat16"])
def test_at_the_start_the_loss_of_dpo_is_exactly_that_of_no_preference(dtype, tmp_path):
    job = tiny_job(tmp_path, "dpo", model={"source": str(tmp_path / "model"), "dtype": dtype})
    first = told(run(job, tmp_path / "run"), Step)[0]
    assert first.loss == pytest.approx(math.log(2), abs=1e-7)  # -log sigmoid(0)


def test_references_of_the_two_ways_are_remembered_apart():
    # Narrow numbers differ a little between the ways, and at the start both sides shall be the same.
    packed = Policy(model_of("llama"), "cpu", paths=("packed rows",))
    shared = dataclasses.replace(packed, paths=("packed rows", "shared prompts"))
    assert _mark("a", "bfloat16", packed) != _mark("a", "bfloat16", shared)
