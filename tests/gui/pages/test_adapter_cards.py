import pytest

from engine.job.adapters import ADAPTERS
from engine.job.job import with_kind
from engine.library import compression
from tests.gui.waiting import rest
from tests.gui.windows import opened, quick_job, still_state

RARE = [kind for kind, card in ADAPTERS.items() if card.expert]


@pytest.fixture
def page(qapp, monkeypatch):
    with opened(still_state(monkeypatch)) as window:
        window.state.draft.replace(quick_job())
        window.go("method")
        rest()
        yield window.pages["method"]


def shown(page):
    return [kind for kind in ADAPTERS if not page.adapters.group.choice(kind).isHidden()]


def test_five_cards_are_shown_and_the_rest_on_demand(page):
    assert shown(page) == ["lora", "dora", "bottleneck", "prefix", "full"]
    assert page.adapters.more.text() == f"Show {len(RARE)} more"
    page.adapters.more.click()
    assert shown(page) == list(ADAPTERS)
    page.adapters.more.click()
    assert len(shown(page)) == 5


def test_a_rare_card_that_is_chosen_stays_in_view(page):
    page.state.draft.set_kind("adapter", "vera")
    rest()
    assert "vera" in shown(page)
    assert page.adapters.more.text() == f"Show {len(RARE) - 1} more"


def test_the_words_below_say_what_can_be_taken_away(page):
    page.state.draft.set_kind("adapter", "prefix")
    rest()
    assert page.adapters.words.text().endswith("The result can be exported as the adapter alone.")
    assert page.adapters.paper.text() == ADAPTERS["prefix"].paper.title


def test_the_learning_rate_follows_the_card_until_a_person_changes_it(page):
    draft = page.state.draft
    draft.set_value("train.learning_rate", ADAPTERS["lora"].learning_rate)
    draft.set_kind("adapter", "prefix")
    assert draft.job.train.learning_rate == ADAPTERS["prefix"].learning_rate
    draft.set_value("train.learning_rate", 3e-4)
    assert with_kind(draft.job, "adapter", "full").train.learning_rate == 3e-4


def test_cards_that_do_not_go_with_compressed_weights_say_so(page):
    page.state.draft.set_value("model.quantization", "nf4")
    rest()
    for kind, card in ADAPTERS.items():
        assert bool(page.adapters.group.choice(kind).blocked_reason) >= (not card.can_quantize)


def test_compressed_weights_are_refused_with_the_reason_where_they_cannot_be_used(page, monkeypatch):
    monkeypatch.setattr(compression, "find_spec", lambda name: None)
    page.advanced.toggle()
    page.advanced._change("model.quantization", "nf4")
    assert page.state.draft.job.model.quantization == "none"
