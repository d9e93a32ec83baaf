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
    # A layer has 96 + 48 + 48 + 96 + 3 * 128 = 672 weights, its q, k and v 192, its k and v 96. Forward and back over
    # 10 tokens the first layer, its dx of q, k and v left out, and the last one's k and v: 2 * 672 - 192 + 2 * 96. At 5
    # learned positions the other 576 of the last layer, and the head, 800 weights.
    expected = 2 * 10 * (2 * 672 - 192 + 2 * 96) + 2 * 2 * 5 * (576 + 800)
    assert linear_operations(shapes_of(CONFIG), 10, 5) == expected


def test_a_single_layer_is_first_and_last():
    # k and v forward over 10 tokens, q as well at the learned positions; o, gate, up and down there and back.
    expected = 2 * 10 * 96 + 2 * 5 * (96 + 2 * 480 + 2 * 800)
    assert linear_operations(shapes_of({**CONFIG, "num_hidden_layers": 1}), 10, 5) == expected


def test_attention_is_six_triangles_a_sequence_and_their_ends_in_the_last_layer():
    # One product of T rows and T columns over 12 numbers has 2 * T * T * 12 operations, half of which are needed. In the
    # last layer the triangle ends before the last token, and begins with the one before the first learned token.
    expected = 6 * 12 * (3**2 + 5**2) + 6 * 12 * ((2**2 - 1**2) + (4**2 - 2**2))
    assert attention_operations(shapes_of(CONFIG), [Part(3, 1), Part(5, 2)]) == expected


@pytest.mark.slow  # not long, but it computes
def test_two_updates_take_some_time():
    parts = [Part(30, 10), Part(20, 5)]
    assert limit_seconds(shapes_of(CONFIG), [parts, parts]) > 0
