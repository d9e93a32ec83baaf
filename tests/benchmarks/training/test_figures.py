import pytest

from benchmarks.training.cases import (
    DEFAULT,
    OURS,
    OURS_CHECKPOINTED,
    PACKED,
    QUESTIONS,
    TUNED,
    Aims,
    Case,
    Variant,
)
from benchmarks.training.figures import Measured, at_least, ratios, rows_of, strongest, unsteady, worst
from benchmarks.training.taken import Taken

VARIANTS = (
    Variant(DEFAULT, "trl"),
    Variant(TUNED, "trl", is_tuned=True),
    Variant(PACKED, "trl", is_tuned=True),
    Variant(OURS, "ours"),
    Variant("ours, padded", "ours", lacks="rows one after another", aim=2.0),
    Variant(OURS_CHECKPOINTED, "ours"),
)


def run(speed, memory=1000, **changes):
    """One warm-up and one timed update of `speed` tokens in a second."""
    values = {
        "tokens": (10, speed),
        "ends": (5.0, 6.0),
        "begun": 4.0,
        "rows": (),
        "learned": 5,
        "reference": 0.0,
        "wall": 8.0,
        "processor": 10.0,
        "memory": memory,
    }
    return Taken(**{**values, **changes})


def measured(method="sft", aims=Aims(), **speeds):  # noqa: B008 - frozen
    """Runs by the variant's short name: a list has one speed for each repetition, None where it took no part."""
    names = {"default": DEFAULT, "tuned": TUNED, "packed": PACKED, "ours": OURS, "padded": "ours, padded"}
    found = Measured(Case("case", "tiny", method, 4, 2, QUESTIONS, VARIANTS, aims))
    for short, values in speeds.items():
        runs = {turn: run(speed) for turn, speed in enumerate(values, 1) if speed}
        found.runs[names[short]] = runs
    return found


def row(found, part):
    """The one row whose words hold this part."""
    (only,) = [row for row in rows_of(found) if part in row.what]
    return only


def test_ratios_are_taken_within_a_repetition_that_has_both():
    assert ratios({1: 6.0, 2: 8.0, 3: 9.0}, {1: 2.0, 3: 3.0, 4: 1.0}) == {1: 3.0, 3: 3.0}


def test_an_aim_is_met_by_the_median_of_the_ratios():
    # Ratios 2, 4 and 5: the median is 4, whatever their mean.
    found = measured(aims=Aims(default=4.0), default=[100, 100, 100], ours=[200, 400, 500])
    only = row(found, f"faster than {DEFAULT}**")
    assert only.figure == "4.00 times (2.00 to 5.00, n=3)"
    assert (only.aim, only.is_met) == ("at least 4 times", True)
    assert at_least("what", [2.0, 3.9, 5.0], 4.0).is_met is False


def test_the_strongest_tuned_side_is_the_one_to_beat():
    found = measured(
        aims=Aims(tuned=3.0), default=[90], tuned=[100, 100], packed=[150, None], ours=[300, 300]
    )
    assert strongest(found) == PACKED
    best = row(found, "strongest")
    assert best.what.startswith(f"case: **faster than {PACKED}")
    assert (best.figure, best.is_met) == ("2.00 times (once)", False)
    assert row(found, f"faster than {TUNED}").is_met is None


def test_the_worst_ratio_names_its_peer_and_its_repetition():
    found = measured(default=[100, 100], tuned=[100, 250], ours=[300, 300])
    assert worst(found) == (pytest.approx(1.2), TUNED, 2)
    assert row(found, "worst").figure == f"1.20 times, {TUNED}, repetition 2"


def test_from_the_second_epoch_on_ours_does_not_look_at_the_reference():
    found = measured("dpo", Aims(default=2.0, second_epoch=6.0), default=[100])
    # First epoch: 300 tokens in one second and 300/310 of the reference's 3.1; second: 620 tokens in one second.
    found.runs[OURS] = {
        1: run(300, tokens=(10, 300, 310, 310), ends=(5.0, 6.0, 6.5, 7.0), reference=3.1, epochs=2)
    }
    assert row(found, f"**faster than {DEFAULT}**").figure == "0.75 times (once)"
    later = row(found, "second epoch")
    assert (later.figure, later.is_met) == ("6.20 times (once)", True)


def test_what_one_of_our_ways_gains_is_told():
    only = row(measured(ours=[300], padded=[100]), "gains")
    assert (only.figure, only.is_met) == ("3.00 times (once)", True)


def test_peak_memory_is_a_share_with_and_without_recomputing():
    found = measured(aims=Aims(memory=0.5, memory_recomputing=0.3), default=[100], ours=[100])
    found.runs[DEFAULT] = {1: run(100, memory=4000), 2: run(100, memory=5000)}
    found.runs[OURS] = {1: run(100, memory=2400), 2: run(100, memory=2500)}
    found.runs[OURS_CHECKPOINTED] = {1: run(100, memory=1000)}
    shares = row(found, "peak memory, share")
    assert (shares.figure, shares.is_met) == ("0.55 times (0.50 to 0.60, n=2)", False)
    assert row(found, "peak memory, both").is_met is True


def test_the_share_of_the_products_is_theirs_in_our_time():
    found = measured(aims=Aims(products=0.45), ours=[300, 300])
    found.products = {1: 0.4, 2: 0.6}
    only = row(found, "nobody can avoid")
    assert (only.figure, only.aim, only.is_met) == (
        "50.00 % (40.00 to 60.00, n=2)",
        "at least 45 %",
        True,
    )


def test_a_repetition_in_which_the_machine_changed_is_flagged():
    rates = {1: (100e9, 114e9), 2: (120e9, 100e9), 3: (100e9, 116e9)}
    assert unsteady(rates) == [2, 3]
    found = measured(ours=[300])
    found.rates = rates
    assert "moved more than 15% in repetition 2, 3" in row(found, "rate of products").figure
