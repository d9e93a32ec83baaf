import pytest

from engine.job.adapters import ADAPTERS
from engine.job.exports import export_problem
from engine.job.job import with_kind
from engine.job.methods import METHODS
from engine.library import compression
from gui.state.costs import costs_of
from gui.state.words import rate_words
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


@pytest.mark.parametrize("kind", ADAPTERS)
def test_the_words_below_say_what_it_is_good_for_and_what_can_be_taken_away(kind, page):
    page.state.draft.set_kind("adapter", kind)
    rest()
    card, words = ADAPTERS[kind], page.adapters.foot.words()
    assert words.startswith(f"Good for: {card.good_for} Costs: {card.costs} Export as: ")
    ways = words.partition("Export as: ")[2].lower()
    assert ("one complete model" in ways) == (export_problem(card, "merged")[0] == "")
    assert ("gguf" in ways) == (export_problem(card, "gguf")[0] == "")
    assert ("the adapter alone" in ways) == (export_problem(card, "adapter")[0] == "")
    assert page.adapters.foot.paper.text() == card.paper.title


@pytest.mark.parametrize("kind", METHODS)
def test_every_method_says_what_it_is_good_for_and_names_its_paper(kind, page):
    page.state.draft.set_kind("method", kind)
    rest()
    card = METHODS[kind]
    (foot,) = (foot for foot in (page.tasks.foot, page.losses.foot) if foot.isVisible())
    assert foot.words() == f"Good for: {card.good_for} Costs: {card.costs}"
    assert foot.paper.text() == card.paper.title


def test_cards_stand_in_fewer_columns_where_the_window_is_narrow(page):
    page.state.draft.set_kind("method", "dpo")
    window = page.window()
    for width, losses, adapters in ((1280, 4, 5), (1024, 3, 4)):
        window.resize(width, 800)
        rest()
        firsts = [{choice.y() for choice in shown_choices(group)} for group in (page.losses, page.adapters)]
        top = [
            sum(choice.y() == min(ys) for choice in shown_choices(group))
            for group, ys in zip((page.losses, page.adapters), firsts, strict=True)
        ]
        assert top == [losses, adapters]


def shown_choices(cards):
    return [card for card in map(cards.group.choice, cards.kinds()) if card.isVisible()]


def test_the_learning_rate_follows_the_card_until_a_person_changes_it(page):
    draft = page.state.draft
    draft.set_value("train.learning_rate", ADAPTERS["lora"].learning_rate)
    draft.set_kind("adapter", "prefix")
    assert draft.job.train.learning_rate == ADAPTERS["prefix"].learning_rate
    draft.set_value("train.learning_rate", 3e-4)
    assert with_kind(draft.job, "adapter", "full").train.learning_rate == 3e-4


@pytest.mark.parametrize("kind", ADAPTERS)
def test_the_simple_view_shows_that_a_rate_is_the_usual_one_and_leads_back_to_it(kind, page):
    simple, draft, card = page.simple, page.state.draft, ADAPTERS[kind]
    draft.set_kind("adapter", "lora")
    draft.set_value("train.learning_rate", ADAPTERS["lora"].learning_rate)
    draft.set_kind("adapter", kind)
    rest()
    assert simple.rate.value() == card.learning_rate
    assert simple.usual.text() == f"as is usual for {card.title}"
    assert 300 < simple.rate.slider().value() < 800  # there is room for gentler and stronger
    draft.set_value("train.learning_rate", 0.9)
    rest()
    assert simple.rate.value() == 0.9
    assert simple.usual.text() == f"usual for {card.title}: {rate_words(card.learning_rate)}"
    simple.usual.click()
    assert draft.job.train.learning_rate == card.learning_rate


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


def blocked(page):
    return {kind for kind in ADAPTERS if page.adapters.group.choice(kind).blocked_reason}


def test_cards_that_cannot_learn_new_tokens_say_so(page):
    before = blocked(page)
    page.advanced.toggle()
    page.advanced._change("model.new_tokens", ("<tool>",))
    rest()
    cannot = {kind for kind, card in ADAPTERS.items() if not card.can_add_tokens}
    assert blocked(page) == before | cannot
    assert page.adapters.group.choice("prefix").blocked_reason == "Cannot learn new tokens."


def test_cards_that_leave_words_alone_say_so(page):
    before = blocked(page)
    page.state.draft.set_kind("method", "pretrain")
    page.state.draft.set_value("method.embeddings", True)
    rest()
    assert blocked(page) - before == {"bottleneck", "prefix", "prompt", "p-tuning"}


def test_the_form_asks_for_new_tokens_and_in_pretraining_for_word_vectors(page):
    page.advanced.toggle()
    assert {"model.new_tokens"} <= set(page.advanced.form.groups()["Text"])
    page.state.draft.set_kind("method", "pretrain")
    rest()
    assert page.advanced.form.groups()["Method"] == ["method.embeddings", "method.embedding_rate"]


def test_the_estimate_follows_what_words_learn(page):
    def trained():
        return costs_of(page.state.draft.job, page.state.machine.now).estimate.parameters_trained

    before, width = trained(), 192  # the starter's, whose one matrix reads and writes
    page.state.draft.set_value("model.new_tokens", ("<tool>", "</tool>"))
    assert trained() == before + 2 * width


def test_learned_positions_that_leave_no_room_are_refused_before_training(page):
    page.state.draft.set_kind("adapter", "prefix")
    page.state.draft.set_value("adapter.virtual_tokens", 1000)
    rest()
    assert "the model has 512 in all" in page.strip.memory_words.text()
    assert "the model has 512 in all" in page.state.what_is_missing()
    page.state.draft.set_value("adapter.virtual_tokens", 12)
    rest()
    assert page.strip.memory_words.text().startswith("Memory")
    assert page.state.what_is_missing() == ""
    assert page.simple.tokens.slider().maximum() == 1000
    page.simple.tokens.slider().setValue(1000)
    assert page.state.draft.job.rows.max_tokens == 500  # the rest of the 512


def test_choices_that_clash_are_told_before_training(page):
    page.state.draft.set_value("adapter.dora", True)
    page.state.draft.set_value("adapter.pissa", True)
    rest()
    assert "do not go together" in page.strip.memory_words.text()
    assert "do not go together" in page.state.what_is_missing()
