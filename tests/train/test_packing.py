import pytest
import torch

from engine.job.events import Evaluated, Prepared, Remark, Step
from engine.models.recomputing import recompute_layers
from engine.models.template import Encoded
from engine.train.batches import Example, full_rows, micro_batches, pack
from engine.train.noise import noise_for
from tests.train.test_loop import mean_gradients, training
from tests.train.tiny_runs import example, run, tiny_job, told

SHORT = Example(0, 1, (Encoded(1, [5, 6, 7], [False, False, True], 0),))
LONG = Example(4, 5, (Encoded(2, [8, 9, 10, 11], [False, True, False, True], 0),))


def test_packed_rows_stand_one_after_another_each_counted_from_its_own_beginning():
    batch = pack([SHORT, LONG])
    assert batch.ids.tolist() == [[5, 6, 7, 8, 9, 10, 11]]
    assert batch.places.tolist() == [[0, 1, 2, 0, 1, 2, 3]]
    assert batch.mask.tolist() == [[[[3, 0, 0], [4, 0, 0]]]]  # length; nothing shared
    assert batch.spans == ((0, 0, 3), (0, 3, 7))
    assert batch.positions.tolist() == [1, 3, 5]  # what stands before 7, 9 and 11
    assert batch.targets.tolist() == [7, 9, 11]
    assert batch.rows.tolist() == [0, 1, 1]
    assert (batch.examples, batch.tokens, batch.count) == ((0, 4), 7, 2)


def test_packed_pairs_stand_chosen_first_then_rejected():
    batch = pack([example(0, 3, parts=2), example(1, 5, parts=2)])
    assert [stop - start for _, start, stop in batch.spans] == [3, 5, 4, 6]


def test_a_packed_row_takes_what_so_many_of_the_longest_rows_would():
    examples = [example(at, length) for at, length in enumerate((10, 9, 6, 4, 3, 2))]
    found = [[row.length for row in rows] for rows in full_rows(examples, 2)]
    assert found == [[10, 9], [6, 4, 3, 2]]  # 20 tokens at most
    assert [[row.length for row in rows] for rows in full_rows(examples, 1)] == [[10], [9], [6, 4], [3, 2]]


def test_a_packed_row_is_also_bounded_by_its_learned_tokens():
    answers = [example(0, 12, prompt=10), *(example(at, 4, prompt=1) for at in (1, 2, 3))]
    found = [[row.trained for row in rows] for rows in full_rows(answers, 1)]
    assert found == [
        [2],
        [3],
        [3],
        [3],
    ]  # two of them have room for 12 tokens, but at most 3 are scored at once


def test_every_example_is_in_exactly_one_packed_batch_the_longest_in_the_first():
    examples = [example(at, 3 + at * 7 % 40) for at in range(30)]
    batches = list(micro_batches(examples, 2, "packed"))
    assert sorted(index for batch in batches for index in batch.examples) == list(range(30))
    longest = max(example.length for example in examples)
    assert max(batch.ids.shape[1] for batch in batches) <= 2 * longest
    assert batches[0].spans[0] == (0, 0, longest)


@pytest.mark.parametrize("recomputed", [False, True])
@pytest.mark.parametrize(
    ("method", "adapter"),
    [
        ("sft", "lora"),
        ("sft", "full"),
        ("pretrain", "lora"),
        ("pretrain", "full"),
        ("dpo", "lora"),
        ("kto", "lora"),
        ("simpo", "lora"),
    ],
)
def test_a_packed_update_has_the_loss_and_gradients_of_rows_one_at_a_time(
    method, adapter, recomputed, tmp_path
):
    single, expected = mean_gradients(training(tmp_path, method, adapter), 1)
    run = training(tmp_path, method, adapter, way="packed")
    if recomputed:
        recompute_layers(run.policy.model, 1)
        run.policy.model.train()
    packed, gradients = mean_gradients(run, 8)
    assert packed.loss == pytest.approx(single.loss, rel=1e-6)
    assert packed.count == single.count
    for name, metric in packed.metrics.items():
        assert metric == pytest.approx(single.metrics[name], rel=1e-4, abs=1e-6)
    assert any(gradient.abs().max() > 1e-3 for gradient in gradients.values())
    for name, gradient in gradients.items():
        torch.testing.assert_close(gradient, expected[name], atol=1e-6, rtol=1e-4)


def test_a_packed_texts_noise_is_its_own():
    torch.manual_seed(1)
    rows = [example(0, 12), example(1, 5), example(2, 9)]
    together = noise_for(pack(rows), torch.zeros(1, 26, 8), alpha=5.0)
    for row, (_, start, stop) in zip(rows, pack(rows).spans, strict=True):
        alone = noise_for(pack([row]), torch.zeros(1, stop - start, 8), alpha=5.0)
        assert torch.equal(together[0, start:stop], alone[0])


@pytest.mark.parametrize(
    ("method", "settings"), [("pretrain", {}), ("sft", {"neftune": 5.0}), ("dpo", {}), ("kto", {})], ids=str
)
def test_a_packed_run_tells_what_a_padded_one_tells(method, settings, tmp_path):
    def events(packing):
        rows = {"packing": packing}
        return run(tiny_job(tmp_path, method, settings=settings, rows=rows), tmp_path / packing)

    padded, packed = events("off"), events("on")
    assert not told(packed, Remark)
    for kind in (Step, Evaluated):
        for one, other in zip(told(padded, kind), told(packed, kind), strict=True):
            assert other.loss == pytest.approx(one.loss, rel=1e-5)
            assert other.metrics == pytest.approx(one.metrics, rel=1e-4, abs=1e-5)
    for name in ("rows", "tokens", "epoch"):
        assert [getattr(step, name) for step in told(packed, Step)] == [
            getattr(step, name) for step in told(padded, Step)
        ]
    assert told(packed, Prepared)[0].tokens_per_epoch == told(padded, Prepared)[0].tokens_per_epoch


def test_a_text_of_many_pieces_is_learned_packed(tmp_path):
    job = tiny_job(tmp_path, "pretrain", rows={"max_tokens": 8, "validation": 0.0, "packing": "on"})
    steps = told(run(job, tmp_path / "run"), Step)
    assert [len(step.rows) for step in steps] == [4, 4, 4]  # pieces, as many as rows of an update


def test_memory_that_runs_out_halves_a_packed_batch(tmp_path, monkeypatch):
    from engine.train.forward import Policy

    widths, score = [], Policy.score

    def narrow(policy, batch, **asked):
        widths.append(batch.ids.shape[1])
        if batch.ids.shape[1] > 40:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return score(policy, batch, **asked)

    monkeypatch.setattr(Policy, "score", narrow)
    job = tiny_job(tmp_path, rows={"packing": "on", "validation": 0.0})
    events = run(job, tmp_path / "run")
    assert max(widths) > 40
    assert [remark.title for remark in told(events, Remark)] == [
        "Memory ran out; all layers are computed again on the way back from now on.",
        "Memory ran out; going on with 2 rows at a time.",
    ]
    assert len(told(events, Step)) == 3
