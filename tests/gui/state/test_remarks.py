"""What is worth a look in data, and what one click mends."""

import dataclasses

import pytest

from engine.job.events import Inspected
from engine.job.job import Job, with_value
from gui.state.remarks import findings

FOUND = Inspected(
    shape="instruction", rows_kind="conversation", evidence="All 100 rows.", columns=("a", "b"), roles={},
    rows=100, usable=100, skipped={}, skipped_rows={}, duplicates=0, cut=0, validation_rows=10,
    lengths=(10, 20, 300), lengths_rejected=(), percentiles={}, trained_share=0.5, template="own",
    end_tokens=("<|end|>",), bytes=1000,
)  # fmt: skip


def fixes_of(found, job):
    return {fix.label: (fix.dotted, fix.value) for remark in findings(found, job) for fix in remark.fixes}


def test_good_data_gives_no_remark():
    assert findings(FOUND, Job()) == []


def test_copies_are_removed_by_one_click_and_kept_by_another():
    found = dataclasses.replace(FOUND, duplicates=2, duplicate_rows=(7, 9))
    fixes = fixes_of(found, Job())
    assert fixes == {"Remove": ("rows.duplicates", "drop")}
    assert "rows 7, 9" in findings(found, Job())[0].text.lower()

    job = with_value(Job(), *fixes["Remove"])
    assert fixes_of(found, job) == {"Keep them": ("rows.duplicates", "keep")}


def test_rows_that_are_too_long_can_be_kept_whole_trimmed_or_left_out():
    found = dataclasses.replace(FOUND, too_long=1, cut=1, cut_rows=(3,))
    fixes = fixes_of(found, with_value(Job(), "rows.max_tokens", 100))
    assert fixes["Use 300"] == ("rows.max_tokens", 300)  # the longest row
    assert fixes["Trim the prompt"] == ("rows.too_long", "trim")
    assert fixes["Leave out"] == ("rows.too_long", "drop")


def test_a_higher_limit_is_not_offered_where_the_model_has_no_more_room():
    found = dataclasses.replace(FOUND, too_long=1, cut=1, cut_rows=(3,))
    assert "Use 300" not in fixes_of(found, with_value(Job(), "rows.max_tokens", 1024))


def test_why_training_cannot_start_stands_first():
    found = dataclasses.replace(FOUND, refusal="No row has a trained token.", duplicates=1)
    assert (findings(found, Job())[0].title, findings(found, Job())[0].tone) == (
        "No row has a trained token.",
        "bad",
    )


@pytest.mark.parametrize(
    ("count", "words"), [(1, "1 row is left out: empty answer"), (12, "12 rows are left out")]
)
def test_rows_that_are_left_out_are_listed_by_number(count, words):
    rows = tuple(range(1, count + 1))
    found = dataclasses.replace(FOUND, skipped={"empty answer": count}, skipped_rows={"empty answer": rows})
    remark = findings(found, Job())[0]
    assert words in remark.title
    assert ("…" in remark.text) == (count > 8)  # the first eight are named


def test_few_rows_are_worth_a_remark():
    found = dataclasses.replace(FOUND, rows=5, usable=5)
    assert "Only 5 rows" in findings(found, Job())[0].title
