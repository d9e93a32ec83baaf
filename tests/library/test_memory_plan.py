"""How a job is made to fit: what is given up for memory, and in which order."""

import math

import pytest

from engine.job.job import with_kind, with_value
from engine.library import compression
from engine.library.estimate import Estimate, estimate
from tests.library.test_estimate import GB, JOB, LARGE, SMALL, home, layer_of_small, machine, needs

__all__ = ["home"]  # a folder of its own for every test


def test_layers_are_computed_again_before_a_portion_becomes_smaller_than_is_worth_it() -> None:
    job = with_value(with_value(JOB, "train.batch_size", 12), "rows.max_tokens", 1000)
    off = with_value(job, "train.checkpointing", "off")
    kept = {n: estimate(with_value(off, "train.micro_batch", n), LARGE, None, machine(GB)) for n in (2, 4, 8)}
    with_headroom = {n: math.ceil(found.total / 0.9) + 1 for n, found in kept.items()}
    for free, plan in (
        (with_headroom[8], (8, 0)),
        (with_headroom[8] - 10, (4, 0)),  # 4 x 1000 tokens are worth keeping, 2 x 1000 are not
        (with_headroom[4], (4, 0)),
        (with_headroom[4] - 10, (4, 1)),
    ):
        found = estimate(job, LARGE, None, machine(free))
        assert (found.micro_batch, found.recomputed, found.fits) == (*plan, True)
    most = estimate(
        with_value(with_value(job, "train.micro_batch", 4), "train.checkpointing", "on"),
        LARGE,
        None,
        machine(GB),
    )
    all_of_four = math.ceil(most.total / 0.9) + 1
    found = estimate(job, LARGE, None, machine(all_of_four))
    assert (found.micro_batch, found.recomputed) == (4, 24)
    found = estimate(job, LARGE, None, machine(all_of_four - 10))
    assert found.micro_batch == 2
    assert found.recomputed < 24


def test_so_many_layers_are_computed_again_as_it_takes_and_no_more() -> None:
    job = with_value(with_value(JOB, "train.micro_batch", 4), "rows.max_tokens", 1000)
    kept = estimate(with_value(job, "train.checkpointing", "off"), LARGE, None, machine(GB))
    # a layer keeps (16 + 8) x 896 + 8 x 4864 + 8 x 128 + 4 x 16 x 7 bytes a token, or its 896 inputs of 4 bytes
    saved = 4000 * (24 * 896 + 8 * 4864 + 8 * 128 + 4 * 16 * 7 - 896 * 4)
    for layers in (1, 6, 24):
        found = estimate(job, LARGE, None, machine(math.ceil((kept.total - layers * saved) / 0.9) + 10))
        assert found.recomputed == layers
        assert found.total == pytest.approx(kept.total - layers * saved, abs=2)
        words = "1 of 24 layers is" if layers == 1 else f"{layers} of 24 layers are"
        assert f"{words} computed again on the way back." in found.arithmetic


def test_what_cannot_be_computed_again_is_kept() -> None:
    for job in (with_kind(JOB, "adapter", "prefix"), with_value(JOB, "train.checkpointing", "off")):
        found = estimate(job, LARGE, None, machine(GB))
        assert (found.micro_batch, found.recomputed, found.fits) == (1, 0, False)


FULL = with_kind(with_value(JOB, "train.batch_size", 2), "adapter", "full")


def full_needs(free: int, **train: object) -> Estimate:
    job = FULL
    for name, value in train.items():
        job = with_value(job, f"train.{name}", value)
    return estimate(job, LARGE, None, machine(free, "cuda"))


def test_gradients_that_are_forgotten_at_once_take_the_room_of_the_largest_alone() -> None:
    ordinary = full_needs(100 * GB, step_in_backward="off")
    on_the_way = full_needs(100 * GB, step_in_backward="on")
    assert (ordinary.step_in_backward, on_the_way.step_in_backward) == (False, True)
    assert ordinary.adapter == 494_000_000 * 12
    assert on_the_way.adapter == 494_000_000 * 8 + 151_936 * 896 * 4
    assert (
        "Each weight is corrected on the way back, as soon as its gradient is known." in on_the_way.arithmetic
    )


def test_eight_bits_take_two_bytes_a_weight_and_two_numbers_for_each_256(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    found = full_needs(100 * GB, optimizer="adamw-8bit")
    assert found.adapter == 494_000_000 * (4 + 2 + 2 * 4 / 256)
    assert found.disk == 3 * int(494_000_000 * 2.03125) + 494_000_000 * 4 * 4
    assert "The optimizer remembers in 8 bits." in found.arithmetic


def test_what_changes_the_result_is_only_done_where_nothing_else_fits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(compression, "find_spec", lambda name: True)
    least = {
        (optimizer, way): full_needs(
            GB, optimizer=optimizer, step_in_backward=way, checkpointing="on", batch_size=1
        ).total
        for optimizer in ("adamw", "adamw-8bit")
        for way in ("off", "on")
    }
    ways = sorted(least, key=least.__getitem__, reverse=True)
    assert ways == [("adamw", "off"), ("adamw", "on"), ("adamw-8bit", "off"), ("adamw-8bit", "on")]
    for optimizer, way in ways:
        free = math.ceil(least[optimizer, way] / 0.9) + 1
        found = full_needs(free, batch_size=1)
        assert (found.optimizer, found.step_in_backward, found.fits) == (optimizer, way == "on", True)
    monkeypatch.setattr(compression, "find_spec", lambda name: None)
    assert full_needs(math.ceil(least["adamw-8bit", "off"]), batch_size=1).optimizer == "adamw"


def test_an_adapter_is_learned_the_ordinary_way_however_short_memory_is() -> None:
    found = estimate(JOB, LARGE, None, machine(GB))
    assert (found.optimizer, found.step_in_backward) == ("adamw", False)


def test_an_update_in_parts_cannot_be_corrected_on_the_way_back() -> None:
    assert not full_needs(100 * GB, step_in_backward="on", micro_batch=1).step_in_backward


def test_kept_values_in_main_memory_leave_two_layers_on_an_nvidia_gpu_alone() -> None:
    job = with_value(JOB, "train.offload", True)
    job = with_value(job, "rows.packing", "on")
    layer = 400 * layer_of_small()  # one, and as much as two at work
    assert estimate(job, SMALL, None, machine(8 * GB, "cuda")).activations == 3 * layer
    assert estimate(job, SMALL, None, machine(8 * GB)).activations == needs().activations


def test_without_the_faster_ways_layers_keep_what_peft_keeps_and_all_scores_are_held() -> None:
    job = with_value(with_value(JOB, "rows.packing", "on"), "train.fast", "off")
    found = estimate(job, SMALL, None, machine(8 * GB, "cuda"))
    assert found.activations == 400 * (layer_of_small() + 8 * 12) * (2 + 1)
    # 400 scored tokens, 20 words, four float32 for each; and what the engine takes on a GPU
    assert found.working == 400 * 20 * 16 + 600_000_000
