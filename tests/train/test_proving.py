import dataclasses

import pytest
import torch
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from engine.job.adapters import LoraSettings
from engine.job.events import Prepared, Remark, Step
from engine.models.adapters import add_lora, trained_parameters
from engine.models.head import Head, head_of
from engine.models.lean_last import LastLayer, leave_last
from engine.train.batches import collate, pack, share
from engine.train.fast_paths import LEAN
from engine.train.forward import Policy
from engine.train.proving import _around_answer, _each_alone
from tests.models.all_families import model_of
from tests.models.every_adapter import adapted
from tests.models.tiny_models import FAMILIES, tiny_model
from tests.train.proofs import ALL, ROWS, SHARED, proof, way_of
from tests.train.tiny_pairs import CASES, PROMPT, SEVERAL, pair
from tests.train.tiny_runs import example, run, tiny_job, told

TOLD = "the faster way gave this model other numbers than its own."


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_model_that_gives_the_same_numbers_takes_every_path(family, dtype, tmp_path):
    model = add_lora(tiny_model(family).to(dtype), LoraSettings(rank=4))
    found, remarks = proof(tmp_path, model)
    # GPT-2 stores its matrices the other way round, which the lean layers leave to PEFT.
    assert found.paths == (ALL if family != "gpt2" else ALL[1:])
    assert (found.way, found.head is not None, remarks) == ("packed", True, [])
    found, remarks = proof(tmp_path, model, SEVERAL, "dpo")
    shared = SHARED if family != "gpt2" else SHARED[1:]
    assert (found.paths, found.way, remarks) == (shared, "shared", [])


def test_a_lean_layer_that_is_wrong_is_given_up_and_told_and_the_others_stay(tmp_path, monkeypatch):
    model = adapted("lora")

    def careless(model):
        for part in model.modules():
            if getattr(part, "lora_A", None):
                part.forward = lambda x, part=part: part.base_layer(x)  # the adapter is forgotten
        return True

    def leave(model):
        for part in model.modules():
            part.__dict__.pop("forward", None)

    monkeypatch.setattr("engine.train.fast_paths.take_lean", careless)
    monkeypatch.setattr("engine.train.fast_paths.LEAN", dataclasses.replace(LEAN, leave=leave))
    found, remarks = proof(tmp_path, model)
    assert found.paths == ALL[1:]
    assert remarks == [f"The adapter's layers are computed by PEFT's own code: {TOLD}"]
    leave_last(model)
    assert not any("forward" in vars(part) for part in model.modules())


@pytest.mark.parametrize("fault", ["wrong", "failing", "wrong gradient"])
def test_a_head_that_is_wrong_or_fails_is_given_up(fault, tmp_path, monkeypatch):
    logps = Head.logps

    def other(head, hidden, targets, average=False):
        if fault == "failing":
            raise ValueError("not on this device")
        target, mean = logps(head, hidden, targets, average)
        return (
            target * 1.01 if fault == "wrong" else target.detach() + (target - target.detach()) * 1.5
        ), mean

    monkeypatch.setattr(Head, "logps", other)
    found, remarks = proof(tmp_path, adapted("lora"))
    assert (found.head, found.paths) == (None, (ALL[0], *ALL[2:]))
    assert remarks == [f"The scores of all words are kept at once: {TOLD}"]


@pytest.mark.parametrize("method", ["sft", "dpo"])
def test_a_last_layer_that_lacks_a_row_is_given_up_and_computes_all_again(method, tmp_path, monkeypatch):
    over = LastLayer.over
    monkeypatch.setattr(LastLayer, "over", lambda last, rows, shape: over(last, rows[1:], shape))
    model = adapted("lora")
    found, remarks = proof(tmp_path, model, ROWS if method == "sft" else SEVERAL, method)
    assert (found.last, found.paths) == (None, (ALL if method == "sft" else SHARED)[:-1])
    assert remarks == [f"The last layer computes every token: {TOLD}"]
    assert not any(type(vars(part).get("forward")).__name__ == "_Rows" for part in model.modules())


def test_numbers_that_are_none_are_wrong_also_where_nothing_learns(tmp_path, monkeypatch):
    monkeypatch.setattr(
        Head, "logps", lambda head, hidden, targets, average=False: (targets * torch.nan, None)
    )
    found, remarks = proof(tmp_path, tiny_model().requires_grad_(False))
    assert (found.head, found.paths) == (None, ALL[2:])
    assert remarks == [f"The scores of all words are kept at once: {TOLD}"]


def test_rows_of_a_single_token_prove_nothing_and_go_the_plain_way(tmp_path):
    found, remarks = proof(tmp_path, adapted("lora"), [example(at, 1, prompt=0) for at in range(3)])
    assert (found.paths, found.way, remarks) == ((), "grouped", [])


def test_what_follows_the_head_is_asked_for_once(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "engine.train.fast_paths.head_of", lambda model: asked.append(model) or head_of(model)
    )
    assert proof(tmp_path, adapted("lora"))[0].paths == ALL
    assert len(asked) == 1


def test_where_memory_runs_out_less_is_looked_at_and_nothing_is_called_wrong(tmp_path, monkeypatch):
    tried, logps = [], Head.logps

    def short_of_memory(head, hidden, targets, average=False):
        tried.append(len(targets))
        if len(targets) > 40:
            raise torch.OutOfMemoryError("CUDA out of memory.")
        return logps(head, hidden, targets, average)

    monkeypatch.setattr(Head, "logps", short_of_memory)
    found, remarks = proof(tmp_path, adapted("lora"), [example(at, 500) for at in range(4)])
    assert (found.paths, remarks) == (ALL, [])
    assert tried[0] > 500 >= 160 > tried[-1]


def test_memory_that_is_too_short_for_anything_is_told_as_such(tmp_path, monkeypatch):
    def full(*arguments):
        raise torch.OutOfMemoryError("out of memory")

    model = adapted("lora")
    monkeypatch.setattr(Head, "logps", full)
    with pytest.raises(torch.OutOfMemoryError):
        proof(tmp_path, model)
    assert not any("forward" in vars(part) for part in model.modules())


def test_what_a_model_cannot_take_is_left_out_quietly(tmp_path):
    assert proof(tmp_path, adapted("dora"))[0].paths == ALL[1:]
    found, remarks = proof(tmp_path, adapted("prefix"))
    assert (found.paths, remarks) == (("tiled head",), [])


def test_off_computes_as_transformers_and_peft_do(tmp_path):
    found, remarks = proof(tmp_path, adapted("lora"), train={"fast": "off"}, rows={"packing": "off"})
    assert (found.paths, found.way, found.head, remarks) == ((), "given", None, [])


def test_looking_leaves_the_model_as_it_was(tmp_path):
    model = adapted("lora").train()
    weights = {name: weight.detach().clone() for name, weight in model.named_parameters()}
    assert any(not weight.any() for name, weight in weights.items() if "lora_B" in name)
    chance = torch.get_rng_state()
    proof(tmp_path, model, SEVERAL, "dpo")
    assert torch.equal(torch.get_rng_state(), chance)
    assert all(part.training for part in model.modules())
    assert all(torch.equal(weights[name], weight) for name, weight in model.named_parameters())
    assert all(weight.grad is None for weight in model.parameters())


def test_zeros_of_a_fresh_adapter_hide_no_wrong_gradient(tmp_path, monkeypatch):
    # With B = 0 the gradient of A is zero whatever a path does: the look puts something else in its place.
    seen = []
    score = Policy.score

    def watched(policy, batch, average=False):
        seen.append(min(float(w.detach().abs().max()) for n, w in trained_parameters(policy.model).items()))
        return score(policy, batch, average)

    monkeypatch.setattr(Policy, "score", watched)
    proof(tmp_path, adapted("lora"))
    assert min(seen) > 0


@pytest.mark.parametrize("asked", ["auto", "on"])
def test_rows_are_padded_where_the_numbers_would_differ(asked, tmp_path, monkeypatch):
    def careless(module, query, key, value, mask, **options):
        is_row = mask is not None and mask.dtype == torch.int32
        return attentions["sdpa"](module, query, key, value, None if is_row else mask, **options)

    attentions = ALL_ATTENTION_FUNCTIONS._global_mapping
    monkeypatch.setitem(attentions, "segmented_sdpa", careless)
    model = tiny_model()
    way, remarks = way_of(tmp_path, asked, model)
    assert (way, remarks) == ("grouped", [f"Rows are padded: {TOLD}"])
    assert model.config._attn_implementation == "sdpa"


def test_places_that_run_on_are_noticed(tmp_path, monkeypatch):
    def running_on(examples):
        batch = pack(examples)
        return dataclasses.replace(batch, places=torch.arange(batch.tokens).unsqueeze(0))

    monkeypatch.setattr("engine.train.batches.pack", running_on)
    # A model whose places are learned: rotary ones tell distances alone, so that running on is the same there.
    assert way_of(tmp_path, model=model_of("gpt2"))[0] == "grouped"


@pytest.mark.parametrize("case", ["prefix", "prompt", "p-tuning"])
def test_learned_positions_before_the_text_mean_padding_and_only_who_asked_is_told(case, tmp_path):
    assert way_of(tmp_path, "auto", adapted(case)) == ("grouped", [])
    assert way_of(tmp_path, "auto", adapted(case), SEVERAL, method="dpo") == ("grouped", [])
    way, remarks = way_of(tmp_path, "on", adapted(case))
    assert way == "grouped"
    assert remarks == ["Rows are padded: what is trained here cannot take them one after another."]


def test_off_pads_rows_as_they_come(tmp_path):
    assert way_of(tmp_path, "off") == ("given", [])


def test_a_single_text_has_nothing_to_stand_behind(tmp_path):
    assert way_of(tmp_path, "on", examples=ROWS[:1]) == ("grouped", [])


def test_a_run_tells_its_paths_and_goes_on_padded_with_learned_positions(tmp_path):
    events = run(tiny_job(tmp_path), tmp_path / "run")
    assert told(events, Prepared)[0].fast_paths == ALL
    events = run(tiny_job(tmp_path, adapter="prefix", rows={"packing": "on"}), tmp_path / "prefix")
    assert len(told(events, Step)) == 3
    assert any(remark.title.startswith("Rows are padded") for remark in told(events, Remark))
    assert told(events, Prepared)[0].fast_paths == ("tiled head",)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_pairs_share_what_they_begin_with(family, dtype, tmp_path):
    model = tiny_model(family).to(dtype)
    assert way_of(tmp_path, model=model, examples=SEVERAL, method="dpo") == ("shared", [])


def test_a_model_that_only_refers_shares_as_well(tmp_path):
    model = tiny_model().requires_grad_(False)
    assert way_of(tmp_path, model=model, examples=SEVERAL, method="dpo") == ("shared", [])


@pytest.mark.parametrize(
    ("method", "options"),
    [("dpo", {"rows": {"prefix_sharing": "off"}}), ("dpo", {"noise": 5.0}), ("sft", {})],
    ids=["switched off", "noise", "single answers"],
)
def test_rows_that_share_nothing_are_packed(method, options, tmp_path):
    examples = SEVERAL if method == "dpo" else ROWS
    assert proof(tmp_path, examples=examples, method=method, **options)[0].way == "packed"


def test_a_router_that_counts_tokens_means_padding(tmp_path):
    model = model_of("mixtral")
    model.config.output_router_logits = True
    assert way_of(tmp_path, model=model, examples=SEVERAL, method="dpo") == ("grouped", [])
    model.config.output_router_logits = False
    assert way_of(tmp_path, model=model, examples=SEVERAL, method="dpo") == ("shared", [])


def test_pairs_that_come_out_otherwise_are_packed_and_a_person_is_told(tmp_path, monkeypatch):
    def careless(rows):
        batch = share(rows)
        return dataclasses.replace(batch, places=torch.arange(batch.ids.shape[1]).unsqueeze(0))

    monkeypatch.setattr("engine.train.batches.share", careless)
    found, remarks = proof(tmp_path, adapted("lora"), SEVERAL, "dpo")
    assert (found.paths, found.way) == (ALL, "packed")
    assert remarks == [f"Each pair's prompt is read twice: {TOLD}"]


def test_long_rows_are_cut_around_the_answer_and_both_sides_alike():
    long = pair(3, [PROMPT * 10] * 2, [[101] * 40, [201] * 40])
    row = _around_answer(long, 64)
    assert [part.ids for part in row.parts] == [(PROMPT * 10)[-32:] + [token] * 32 for token in (101, 201)]
    assert row.common == 32
    # Behind the first quarter every third token, the last among them; and the first that only one side has, at 32.
    learned = {32, *range(18, 64, 3)}
    assert [{at for at, is_learned in enumerate(part.trained) if is_learned} for part in row.parts] == [
        learned
    ] * 2
    assert collate([row]).positions.numel() == 2 * 17


def test_the_last_token_is_looked_at_wherever_a_text_ends():
    for length in range(2, 12):
        (part,) = _around_answer(example(0, length, prompt=0), 64).parts
        assert (part.trained[0], part.trained[-1]) == (False, True)


def test_short_answers_go_on_with_the_rows_own_beginning():
    row = _around_answer(CASES["answers of one token"][0], 64)
    assert [part.ids for part in row.parts] == [[*PROMPT, token, *PROMPT, token] for token in (101, 201)]


def test_texts_of_one_length_are_rows_of_one_plain_batch_and_the_order_stays():
    texts = [example(at, length) for at, length in enumerate((9, 9, 7, 5, 5))]
    batches = _each_alone(texts)
    assert [len(batch.ids) for batch in batches] == [2, 1, 2]
    assert all(batch.ids.ne(0).all() and batch.mask is None for batch in batches)  # 0 would fill a row up
    rows = [row for batch in batches for row in batch.ids.tolist()]
    assert rows == [text.parts[0].ids for text in texts]


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_takes_every_path_by_rows_of_one_length(family, tmp_path):
    found, remarks = proof(tmp_path, tiny_model(family), [example(at, 20) for at in range(4)])
    assert (found.paths, remarks) == (ALL[1:], [])
