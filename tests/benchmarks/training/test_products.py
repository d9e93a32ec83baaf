import pytest

from benchmarks.training.products import (
    attention_operations,
    limit_seconds,
    linear_operations,
    shapes_of,
)
from benchmarks.training.texts import Part

CONFIG = {
    "hidden_size": 8,
    "intermediate_size": 16,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "head_dim": 3,
    "num_hidden_layers": 2,
    "vocab_size": 100,
}


def test_the_matrices_of_a_layer_follow_from_the_config():
    shapes = shapes_of(CONFIG)
    assert shapes.linears == ((8, 12), (8, 6), (8, 6), (12, 8), (8, 16), (8, 16), (16, 8))
    assert shapes_of({**CONFIG, "head_dim": None}).linears[0] == (8, 8)


def test_operations_of_the_products_by_hand():
    # A layer has 96 + 48 + 48 + 96 + 3 * 128 = 672 weights, its q, k and v 192. Forward and back over 10 tokens, the
    # first layer's dx of q, k and v left out: 2 * 10 * (2 * 2 * 672 - 192). The head, 800 weights: 2 * 2 * 5 * 800.
    assert linear_operations(shapes_of(CONFIG), 10, 5) == 2 * 10 * (4 * 672 - 192) + 2 * 2 * 5 * 800


def test_attention_is_six_triangles_a_sequence():
    # One product of T rows and T columns over 12 numbers has 2 * T * T * 12 operations, half of which are needed.
    expected = 2 * 6 * 12 * (3**2 + 5**2)
    assert attention_operations(shapes_of(CONFIG), [Part(3, 1), Part(5, 2)]) == expected


@pytest.mark.slow  # not long, but it computes
def test_two_updates_take_some_time():
    parts = [Part(30, 10), Part(20, 5)]
    assert limit_seconds(shapes_of(CONFIG), [parts, parts]) > 0
