"""Rows kept back: by prompt, by seed, and by nothing else."""

import json
from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from engine.data.dataset import open_rows, split
from engine.data.rows import Conversation, Message, Preference, prompt_key
from engine.job.sections import DataSource

SHARES = st.floats(0, 0.95)
SEEDS = st.integers(0, 2**31 - 1)
WEIGHTS = st.sampled_from([0.1, 0.5, 1.0, 1.5, 2.0, 3.25])
QUESTIONS = st.lists(st.integers(0, 9), min_size=1, max_size=25)


def rows_of(folder, files):
    """The rows of some files; each is a list of questions with a weight."""
    sources = []
    for number, (questions, weight) in enumerate(files):
        path = folder / f"{number}.jsonl"
        rows = [{"prompt": f"q{q}", "completion": f"a{number} {n}"} for n, q in enumerate(questions)]
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        sources.append(DataSource(path=str(path), weight=weight))
    return open_rows(sources).rows


@settings(max_examples=80, deadline=None)
@given(files=st.lists(st.tuples(QUESTIONS, WEIGHTS), min_size=1, max_size=3), share=SHARES, seed=SEEDS)
def test_whatever_the_weights_each_row_is_on_one_side_and_no_prompt_on_both(
    tmp_path_factory, files, share, seed
):
    rows = rows_of(tmp_path_factory.mktemp("rows"), files)
    train, held = split(rows, share, seed)
    sides = [{prompt_key(row) for row in side} for side in (train, held)]
    numbers = [Counter(row.number for row in side) for side in (train, held)]
    assert not sides[0] & sides[1]
    assert not numbers[0].keys() & numbers[1].keys()
    assert numbers[0].keys() | numbers[1].keys() == set(rows.numbers)
    assert set(numbers[1].values()) <= {1}  # a repeated row is looked at once
    assert numbers[0] == Counter(number for number in rows.numbers if number in numbers[0])
    assert len(train) > 0


@settings(max_examples=80, deadline=None)
@given(files=st.lists(st.tuples(QUESTIONS, WEIGHTS), min_size=1, max_size=2), share=SHARES, seed=SEEDS)
def test_a_seed_gives_the_same_rows_again(tmp_path_factory, files, share, seed):
    rows = rows_of(tmp_path_factory.mktemp("rows"), files)
    first, again = split(rows, share, seed), split(rows, share, seed)
    listed = split(list(rows), share, seed)
    told = [[[row.number for row in side] for side in pair] for pair in (first, again, listed)]
    assert told[0] == told[1] == told[2]


@settings(max_examples=150, deadline=None)
@given(
    questions=st.lists(st.integers(0, 12), min_size=2, max_size=60), share=st.floats(0.01, 0.95), seed=SEEDS
)
def test_the_share_is_kept_to_within_one_group_of_equal_prompts(questions, share, seed):
    rows = [
        Conversation(n, (Message("user", f"q{q}"), Message("assistant", f"a{n}")))
        for n, q in enumerate(questions, 1)
    ]
    wanted, sizes = max(1, round(share * len(rows))), Counter(questions)
    train, held = split(rows, share, seed)
    if len(sizes) == 1:
        assert not held
        return
    left = [sizes[int(row.messages[0].content[1:])] for row in train]
    assert len(held) <= max(wanted, min(sizes.values()))
    assert wanted - len(held) <= min(left)  # no group that is trained on would have fitted in, too


@settings(max_examples=60, deadline=None)
@given(seed=SEEDS)
def test_the_order_of_rows_does_not_decide_what_is_kept_back(seed):
    rows = [Conversation(n, (Message("user", f"q{n}"), Message("assistant", "a"))) for n in range(1, 41)]
    ahead, back = (split(order, 0.25, seed)[1] for order in (rows, rows[::-1]))
    assert {row.number for row in ahead} == {row.number for row in back}
    assert len(ahead) == 10


@settings(max_examples=30, deadline=None)
@given(seeds=st.lists(SEEDS, min_size=2, max_size=2, unique=True))
def test_another_seed_keeps_back_other_rows(seeds):
    rows = [Conversation(n, (Message("user", f"q{n}"), Message("assistant", "a"))) for n in range(1, 201)]
    one, other = ({row.number for row in split(rows, 0.5, seed)[1]} for seed in seeds)
    assert one != other  # by chance once in 10^58 tries


def test_pairs_with_one_prompt_stay_together():
    def pair(number, asked):
        return Preference(
            number,
            (Message("user", asked),),
            (Message("assistant", f"a{number}"),),
            (Message("assistant", "b"),),
        )

    rows = [pair(number, f"q{number % 4}") for number in range(1, 41)]
    train, held = split(rows, 0.25, 7)
    assert (len(train), len(held)) == (30, 10)
    assert len({prompt_key(row) for row in held}) == 1


# Duplicates -------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("cd")), min_size=1, max_size=20))
def test_duplicates_are_the_rows_beyond_the_different_ones(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("rows") / "a.jsonl"
    path.write_text("".join(json.dumps({"prompt": p, "completion": c}) + "\n" for p, c in rows))
    found = open_rows([DataSource(path=str(path), weight=2.0)])
    assert found.duplicates == len(rows) - len(set(rows))
    assert found.duplicate_rows == tuple(n for n, row in enumerate(rows, 1) if row in rows[: n - 1])
