"""The counts from a shape alone, against the parameters of the real modules."""

import pytest

from engine.job.adapters import ADAPTERS
from engine.job.cards import resolve
from engine.job.settings import read_section
from engine.library.models import describe
from engine.library.trained_count import trained_count, virtual_positions
from engine.models.adapters import trained_parameters
from tests.models.every_adapter import CASES
from tests.models.tiny_models import FAMILIES, tiny_model, tiny_tokenizer


def counted(model, folder, kind, values):
    model.save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    settings = read_section(ADAPTERS[kind].settings, values, "adapter")
    real = resolve(ADAPTERS[kind].code)(model, settings)
    return trained_count(describe(folder), settings), sum(
        w.numel() for w in trained_parameters(real).values()
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("case", CASES)
def test_it_equals_what_the_real_modules_train(case, family, tmp_path):
    found, real = counted(tiny_model(family), tmp_path, *CASES[case])
    assert found == real


@pytest.mark.parametrize("tied", [True, False])
def test_the_last_layers_are_counted_with_and_without_tied_words(tied, tmp_path):
    model = tiny_model("qwen2", tie_word_embeddings=tied, num_hidden_layers=3)
    found, real = counted(model, tmp_path, "freeze", {"trained_layers": 2})
    assert found == real


@pytest.mark.parametrize("rank", [1, 3, 4, 7, 8, 64])
def test_lokr_is_counted_where_its_large_factor_is_whole_and_where_it_is_not(rank, tmp_path):
    found, real = counted(tiny_model(intermediate_size=44), tmp_path, "lokr", {"rank": rank})
    assert found == real


def test_layers_asked_for_by_name_are_the_ones_that_count(tmp_path):
    found, real = counted(tiny_model(), tmp_path, "lora", {"rank": 2, "names": ["q_proj", "down_proj"]})
    # Two layers: 2 x (32 + 32) for q_proj and 2 x (48 + 32) for down_proj.
    assert found == real == 2 * (2 * 64 + 2 * 80)


def test_only_learned_beginnings_take_positions():
    for kind, card in ADAPTERS.items():
        expected = 16 if kind in {"prefix", "prompt", "p-tuning"} else 0
        assert virtual_positions(card.settings()) == expected
