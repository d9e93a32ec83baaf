import pytest
import torch

from engine.models.attention import Scoring, Segment
from engine.models.varlen import attend_varlen, varlen
from tests.models.plain_attention import plain_attention

ROW = (Segment(0, 9), Segment(9, 4), Segment(13, 1))
BRANCHES = (Segment(0, 8), Segment(8, 3, 0, 5), Segment(11, 2, 0, 8), Segment(13, 1))


def of_flash(query, key, value, ends, ends_seen, longest, most_seen, *, scale, window_size):
    """What flash attention says that it computes: queries at the end of what they see, W before each of them."""
    assert ends.dtype == ends_seen.dtype == torch.int32
    assert longest == max(ends.diff())
    assert most_seen == max(ends_seen.diff())
    assert query.shape[1] == key.shape[1] == value.shape[1]
    found = []
    for (start, stop), (first, last) in zip(
        torch.stack((ends[:-1], ends[1:]), 1).tolist(),
        torch.stack((ends_seen[:-1], ends_seen[1:]), 1).tolist(),
        strict=True,
    ):
        scores = scale * torch.einsum("qhd,khd->hqk", query[start:stop], key[first:last])
        place = torch.arange(stop - start)[:, None] + (last - first) - (stop - start)
        behind = place - torch.arange(last - first)
        hidden = behind < -window_size[1]
        if window_size[0] >= 0:
            hidden |= behind > window_size[0]
        weights = scores.masked_fill(hidden, -torch.inf).softmax(-1)
        found.append(torch.einsum("hqk,khd->qhd", weights, value[first:last]))
    return torch.cat(found)


def of_newer_flash(query, key, value, *places, enable_gqa=False, **options):
    assert enable_gqa
    key, value = (each.repeat_interleave(2, dim=1) for each in (key, value))
    return of_flash(query, key, value, *places, **options)


@pytest.mark.parametrize("function", [of_flash, of_newer_flash])
@pytest.mark.parametrize("window", [None, 1, 3, 20])
@pytest.mark.parametrize("parts", [ROW, BRANCHES], ids=["row", "branches"])
def test_one_call_attends_to_every_sequence_by_itself(parts, window, function):
    torch.manual_seed(0)
    states = tuple(torch.randn(1, heads, 14, 8, dtype=torch.float64) for heads in (4, 2, 2))
    found = attend_varlen(function, states, parts, Scoring(0.3, window))
    wanted = plain_attention(*(each[0] for each in states), parts, Scoring(0.3, window))
    torch.testing.assert_close(found[0], wanted)


def test_a_processor_has_none():
    states = tuple(torch.zeros(1, 2, 4, 8, dtype=torch.bfloat16) for _ in range(3))
    assert varlen(states, Scoring(1.0)) is None


class OnGpu:
    """What is asked of a tensor before one is sent to flash attention."""

    def __init__(self, width=64, dtype=torch.bfloat16):
        self.device, self.dtype, self.shape = torch.device("cuda"), dtype, (1, 2, 4, width)


@pytest.mark.parametrize(
    ("states", "scoring", "is_taken"),
    [
        ([OnGpu()] * 3, Scoring(1.0, 7), True),
        ([OnGpu(dtype=torch.float32)] * 3, Scoring(1.0), False),
        ([OnGpu()] * 3, Scoring(1.0, cap=50.0), False),
        ([OnGpu(320)] * 3, Scoring(1.0), False),
        ([OnGpu(60)] * 3, Scoring(1.0), False),
        ([OnGpu(), OnGpu(), OnGpu(128)], Scoring(1.0), False),
        ([OnGpu(), OnGpu(dtype=torch.float16), OnGpu()], Scoring(1.0), False),
    ],
)
def test_only_what_flash_attention_computes_is_sent_to_it(states, scoring, is_taken):
    assert (varlen(tuple(states), scoring) is not None) == is_taken
