"""The estimate against numbers worked out by hand, and its choices."""

import math
import time
from dataclasses import replace
from pathlib import Path

import pytest

from engine.job.adapters import LoraSettings
from engine.job.errors import ModelError
from engine.job.job import Job, with_kind, with_value
from engine.library.devices import Device, Machine
from engine.library.estimate import Estimate, RowStats, estimate
from engine.library.model_folder import ModelInfo
from engine.library.speed import known_speed, remember_speed, token_operations
from engine.library.trained_count import trained_count

GB = 10**9
# Two layers, 8 wide: q 8x8, k and v 8x4, o 8x8, gate and up 8x12, down 12x8.
SMALL = ModelInfo(
    name="small",
    folder=Path("small"),
    model_type="llama",
    parameters=1320,
    layers=2,
    hidden=8,
    intermediate=12,
    heads=2,
    kv_heads=1,
    head_dim=4,
    vocab=20,
    context=64,
)
LARGE = replace(
    SMALL,
    parameters=494_000_000,
    layers=24,
    hidden=896,
    intermediate=4864,
    heads=14,
    kv_heads=2,
    head_dim=64,
    vocab=151_936,
    context=32_768,
)
JOB = with_value(with_value(Job(), "train.batch_size", 8), "rows.max_tokens", 50)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TUNEWRIGHT_HOME", str(tmp_path))


def machine(free: int, kind: str = "cpu", **details: object) -> Machine:
    device = Device(kind, "D", 2 * free, free, **details)
    return Machine("m", 2, 2 * free, free, (device,))


def needs(
    job: Job = JOB, model: ModelInfo = SMALL, rows: RowStats | None = None, free: int = 8 * GB
) -> Estimate:
    return estimate(job, model, rows, machine(free))


@pytest.mark.parametrize(
    ("targets", "expected"),
    [
        # rank 2 x (inputs + outputs), two layers
        ("attention", 2 * 2 * (16 + 12 + 12 + 16)),
        ("mlp", 2 * 2 * (20 + 20 + 20)),
        ("all-linear", 2 * 2 * (16 + 12 + 12 + 16 + 20 + 20 + 20)),
    ],
)
def test_lora_counts_rank_times_inputs_and_outputs(targets: str, expected: int) -> None:
    assert trained_count(SMALL, LoraSettings(rank=2, targets=targets)) == expected


def layer_of_small(rank: int = 16) -> int:
    """Bytes that a token keeps in a layer of `SMALL` with lean LoRA on its seven matrices, in 32 bits."""
    return 16 * 8 + 8 * 12 + 8 * 8 + 8 * 4 + 4 * rank * 7


def test_every_part_of_lora_follows_from_the_shape() -> None:
    found = needs(with_value(JOB, "adapter.rank", 2))
    assert found.weights == 1320 * 4
    assert found.parameters_trained == 464
    assert found.adapter == 464 * 16  # weight, gradient and two AdamW means, float32
    tokens = 8 * 50
    per_layer = layer_of_small(2)
    assert found.activations == tokens * per_layer * (2 + 5)  # two layers, and what comes and goes
    assert found.working == 12 * (tokens * (20 + 8) + 20 * 8) + 450_000_000
    assert found.total == found.weights + found.adapter + found.activations + found.working
    assert found.micro_batch == 8


def test_full_training_holds_all_weights_gradients_and_means_in_32_bits() -> None:
    found = needs(with_kind(JOB, "adapter", "full"))
    assert found.parameters_trained == 1320
    assert found.weights == 1320 * 4
    assert found.adapter == 1320 * 12


def test_gaps_between_activations_are_counted_on_a_processor_with_an_adapter_alone() -> None:
    packed = with_value(JOB, "rows.packing", "on")  # as a processor does by itself
    for adapter, more in (("lora", 7 / 4), ("dora", 1.5)):  # of a lean layer three more come and go
        job = with_kind(packed, "adapter", adapter)
        on_gpu = estimate(job, SMALL, None, machine(8 * GB, "cuda")).activations
        assert needs(job).activations == more * on_gpu
    full = with_kind(packed, "adapter", "full")
    assert needs(full).activations == estimate(full, SMALL, None, machine(8 * GB, "cuda")).activations


@pytest.mark.parametrize(
    ("adapter", "values", "per_layer"),
    [
        ("lora", {}, layer_of_small()),
        # PEFT keeps twice the feed-forward width, and the same of the rest in 32 bits
        ("lora", {"dropout": 0.1}, layer_of_small() + 8 * 12),
        ("lora", {"dora": True}, layer_of_small() + 8 * 12),
        ("dora", {}, layer_of_small() + 8 * 12),
        ("bottleneck", {}, layer_of_small(0) + 8 * 12),
    ],
)
def test_an_adapter_that_is_no_plain_lora_keeps_more(
    adapter: str, values: dict[str, object], per_layer: int
) -> None:
    job = with_value(with_kind(JOB, "adapter", adapter), "rows.packing", "on")
    for name, value in values.items():
        job = with_value(job, f"adapter.{name}", value)
    found = estimate(job, SMALL, None, machine(8 * GB, "cuda"))
    at_work = 2 if not values and adapter == "lora" else 1
    assert found.activations == 400 * per_layer * (2 + at_work)


def test_padded_sequences_have_keys_and_values_for_every_head() -> None:
    packed, padded = (with_value(JOB, "rows.packing", way) for way in ("on", "off"))
    on_gpu = [estimate(job, SMALL, None, machine(8 * GB, "cuda")).activations for job in (packed, padded)]
    assert on_gpu[1] - on_gpu[0] == 400 * 4 * 8 * 8  # two widths of a query, in 32 bits, each in four layers
    capped = replace(SMALL, model_type="gemma2")
    scores = 400 * 4 * 2 * 50 * 8  # and with capped scores eight bytes for each head and pair of tokens
    on_gpu = [estimate(job, capped, None, machine(8 * GB, "cuda")).activations for job in (packed, padded)]
    assert on_gpu[1] - on_gpu[0] == 400 * 4 * 8 * 8 + scores


def test_a_model_trained_whole_in_16_bits_holds_its_weights_once_more_in_them() -> None:
    full = with_value(with_kind(JOB, "adapter", "full"), "model.dtype", "bfloat16")
    wide = needs(with_value(full, "model.dtype", "float32"))
    assert needs(full).working - wide.working == 1320 * 2


def test_a_pair_takes_twice_the_activations_of_one_row() -> None:
    assert needs(with_kind(JOB, "method", "dpo")).activations == 2 * needs().activations


def test_recomputing_keeps_one_number_per_width_and_layer() -> None:
    found = needs(with_value(JOB, "train.checkpointing", "on"))
    assert found.activations == 400 * (2 * 8 * 4 + 5 * layer_of_small())
    assert found.recomputed == 2


def test_rows_that_are_read_shorten_the_longest_one_and_the_scored_share() -> None:
    whole, read = needs(), needs(rows=RowStats(rows=100, tokens_mean=10, tokens_max=25, trained_share=0.5))
    assert read.activations * 2 == whole.activations
    assert read.working - 450_000_000 == 12 * (200 * 0.5 * (20 + 8) + 20 * 8)


def test_the_context_length_bounds_a_row() -> None:
    assert needs(with_value(JOB, "rows.max_tokens", 4096)).arithmetic.count("up to 64 tokens") == 1


def test_two_byte_weights_where_the_device_has_them_and_the_model_is_large() -> None:
    cpu = machine(64 * GB, has_bfloat16=True)
    assert estimate(JOB, LARGE, None, cpu).weights == 2 * 494_000_000
    assert estimate(JOB, LARGE, None, machine(64 * GB)).weights == 4 * 494_000_000
    asked = with_value(JOB, "model.dtype", "float32")
    assert estimate(asked, LARGE, None, cpu).weights == 4 * 494_000_000


def test_the_portion_is_the_largest_power_of_two_that_fits_with_headroom() -> None:
    job = with_value(with_value(JOB, "train.batch_size", 12), "rows.max_tokens", 1000)
    job = with_value(job, "train.checkpointing", "off")
    sizes = {}
    for rows in (1, 2, 4, 8, 12):
        sizes[rows] = estimate(with_value(job, "train.micro_batch", rows), LARGE, None, machine(GB)).total
    for rows, smaller in ((12, 8), (8, 4), (4, 2), (2, 1)):
        just_enough = math.ceil(sizes[rows] / 0.9) + 1
        assert estimate(job, LARGE, None, machine(just_enough)).micro_batch == rows
        assert estimate(job, LARGE, None, machine(just_enough - 10)).micro_batch == smaller


def test_a_processor_takes_no_larger_portion_than_gains_speed() -> None:
    job = with_value(with_value(JOB, "train.batch_size", 64), "rows.max_tokens", 1024)
    assert estimate(job, LARGE, None, machine(4000 * GB)).micro_batch == 16  # 16 x 1024 = 16,384 tokens
    assert estimate(job, LARGE, None, machine(4000 * GB, "cuda")).micro_batch == 64


def test_what_does_not_fit_is_said_with_one_row_at_a_time() -> None:
    found = estimate(JOB, LARGE, None, machine(GB))
    assert (found.fits, found.micro_batch, found.free) == (False, 1, GB)


def test_a_device_that_is_not_there_never_fits() -> None:
    found = estimate(with_value(JOB, "device.kind", "cuda"), SMALL, None, machine(8 * GB))
    assert (found.fits, found.free) == (False, 0)


def test_the_arithmetic_adds_up_in_the_unit_that_it_names() -> None:
    for free in (6_100_000_000, 400_000_000):
        for model in (SMALL, LARGE):
            line = estimate(JOB, model, None, machine(free)).arithmetic.splitlines()[0]
            terms, rest = line.split(" = ")
            assert float(rest.split()[0].replace(",", "")) == pytest.approx(
                sum(float(term.replace(",", "")) for term in terms.split(" + "))
            )
            assert line.endswith(" needed, 6.1 GB free" if free > GB else " needed, 400 MB free")


def test_the_arithmetic_names_weights_portion_and_the_way_not_taken() -> None:
    lines = estimate(JOB, LARGE, None, machine(6 * GB)).arithmetic.splitlines()
    assert lines[1] == "494 million weights at 4 bytes each, 8 rows at a time, up to 50 tokens per row."
    # one row, all layers computed again: 16 x 494 million + 50 tokens x (107,520 at work + 24 x 896 x 4 inputs)
    # + 12 x (50 x (4096 + 896) + 4096 x 896) of the head + 450 million = 8.41e9
    ordinary = with_value(with_value(JOB, "train.optimizer", "adamw"), "train.step_in_backward", "off")
    lines = estimate(ordinary, LARGE, None, machine(6 * GB)).arithmetic.splitlines()
    assert lines[2] == "Training every weight would need 8.4 GB, which is more than is free."
    pairs = with_value(with_kind(JOB, "method", "dpo"), "train.batch_size", 1)
    assert "1 pair at a time, up to 50 tokens per answer" in needs(pairs).arithmetic


@pytest.mark.parametrize(
    ("rows", "epochs", "batch", "updates"),
    [
        (100, 1.0, 10, 9),  # ten rows are kept back
        (100, 2.5, 10, 23),
        (3, 1.0, 16, 1),
        (0, 1.0, 16, 0),
    ],
)
def test_updates_follow_from_rows_epochs_and_batch(
    rows: int, epochs: float, batch: int, updates: int
) -> None:
    job = with_value(with_value(JOB, "train.epochs", epochs), "train.batch_size", batch)
    assert needs(job, rows=RowStats(rows, 10, 20)).updates == updates


def test_time_is_unknown_until_the_number_of_updates_is() -> None:
    assert (needs().updates, needs().seconds) == (0, None)
    found = needs(with_value(JOB, "train.steps", 7))
    assert found.updates == 7
    assert found.seconds is not None


def test_time_is_operations_over_speed_and_its_range_narrows_after_a_run() -> None:
    job, rows = with_value(JOB, "train.steps", 1000), RowStats(100, 20.0, 25)
    low, high = needs(job, LARGE, rows).seconds or (0, 0)
    assert high / low == pytest.approx(9)  # a guess: a third to three times
    remember_speed(job, LARGE, "cpu", "float32", tokens=500, seconds=10.0)
    low, high = needs(job, LARGE, rows, free=80 * GB).seconds or (0, 0)
    overhead = 1000 * 24 * 0.003
    assert math.sqrt(low * high) == pytest.approx(1000 * 8 * 20 / 50.0 + overhead)
    assert high / low == pytest.approx(1.25**2)


@pytest.mark.parametrize(
    ("packing", "adapter", "portions"), [("auto", "lora", 2), ("off", "lora", 4), ("auto", "prefix", 4)]
)
def test_packed_rows_go_through_the_model_in_fewer_portions(packing, adapter, portions) -> None:
    job = with_value(with_value(JOB, "train.micro_batch", 2), "train.steps", 10)
    job = with_value(with_kind(job, "adapter", adapter), "rows.packing", packing)
    rows = RowStats(100, 20.0, 50)  # 8 rows of 20 tokens, 2 times 50 at a time; padded, 2 rows at a time
    remember_speed(
        job, SMALL, "cpu", "float32", tokens=10**12, seconds=10.0
    )  # computing takes no time at all
    low, high = needs(job, SMALL, rows).seconds or (0, 0)
    assert math.sqrt(low * high) == pytest.approx(10 * portions * 2 * 0.003, rel=1e-3)


def test_operations_count_a_multiplication_as_two_for_each_pass() -> None:
    weights = 2 * (64 + 32 + 32 + 64 + 96 + 96 + 96) + 20 * 8
    assert token_operations(JOB, SMALL) == 2 * weights * 2  # forward, and back to the inputs
    assert token_operations(with_kind(JOB, "adapter", "full"), SMALL) == 2 * weights * 3
    assert token_operations(with_kind(JOB, "method", "dpo"), SMALL) == 2 * weights * 3  # the reference
    layers, head = weights - 20 * 8, 20 * 8
    assert token_operations(JOB, SMALL, scored=0.25) == 2 * (layers + head / 4) * 2
    assert token_operations(JOB, SMALL, recomputed=0.5) == 2 * (layers * 2.5 + head * 2)


def test_the_newest_runs_speed_counts_half(tmp_path: Path) -> None:
    for tokens, seconds in ((1000, 10.0), (2000, 10.0), (0, 10.0), (9999, 1.0)):  # the last two tell nothing
        remember_speed(JOB, SMALL, "cpu", "float32", tokens=tokens, seconds=seconds)
    assert known_speed("cpu", "float32", 2).rate == pytest.approx(150.0 * token_operations(JOB, SMALL))
    (tmp_path / "cache" / "speed.json").write_text("damaged")
    assert known_speed("cpu", "float32", 2).spread == 3.0


def test_disk_holds_the_kept_checkpoints_with_their_optimizer_and_the_result() -> None:
    job = with_value(JOB, "adapter.rank", 2)  # 464 trained weights
    assert needs(job).disk == 464 * (3 * 12 + 4)  # two kept and the best
    assert needs(with_value(job, "saving.best", False)).disk == 464 * (2 * 12 + 4)


def test_a_model_that_cannot_be_trained_is_refused_with_its_own_reason() -> None:
    broken = ModelInfo(
        "x", Path("x"), "broken", problem="config.json is missing in x.", advice="Choose another."
    )
    with pytest.raises(ModelError, match=r"config\.json is missing"):
        needs(model=broken)


def test_an_estimate_follows_an_edit_at_once() -> None:
    begun = time.perf_counter()
    for _ in range(20):
        needs(model=LARGE, rows=RowStats(1000, 100, 400))
    assert (time.perf_counter() - begun) / 20 < 0.05  # the window allows 0.2 s; a slow computer has its share
