import dataclasses

from engine.library.models import describe
from engine.use.card import card_text, write_card
from engine.use.places import find_place


def text(run, base, **changes):
    info = dataclasses.replace(describe(base), **changes)
    return card_text(find_place(str(run)), base=info, kind="merged", precision="float32", loading="model = 1")


def test_the_card_names_base_data_method_and_settings_but_no_path(run, base):
    card = text(run, base, licence="apache-2.0")
    assert card.startswith("---\nlicense: apache-2.0\n")
    for words in ("tiny-base", "rows.jsonl", "after 7 steps", "| adapter.rank |", "model = 1"):
        assert words in card
    assert str(base.parent) not in card


def test_an_unknown_licence_is_unknown(run, base):
    assert "license: unknown" in text(run, base, licence="")


def test_a_licence_in_its_own_words_is_quoted(run, base):
    assert 'license: other\nlicense_name: "My Model Licence"' in text(run, base, licence="My Model Licence")


def test_the_bases_licence_text_goes_with_the_export(run, base, tmp_path):
    copied = tmp_path / "base"
    copied.mkdir()
    (copied / "LICENSE").write_text("terms")
    place = dataclasses.replace(find_place(str(run)), base=copied)
    folder = tmp_path / "out"
    folder.mkdir()
    write_card(folder, place, base=describe(base), kind="merged", precision="float32", loading="")
    assert (folder / "LICENSE").read_text() == "terms"
