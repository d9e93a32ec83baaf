from gui import theme
from gui.widgets.choice_card import ChoiceCard


def test_a_longer_reason_makes_a_narrow_card_taller():
    card = ChoiceCard("Prefer better answers", "Preference", "Short.")
    before = card.heightForWidth(180)
    card.set_blocked("Your data has no chosen and rejected answers, so there is nothing to prefer.")
    assert card.heightForWidth(180) > before
    assert card.heightForWidth(500) < card.heightForWidth(180)


def test_a_long_title_goes_on_in_a_second_line_and_moves_the_rest_down():
    long = ChoiceCard("Preference with a fixed goal", "IPO", "Short.")
    short = ChoiceCard("Preference", "IPO", "Short.")
    assert long.heightForWidth(160) > short.heightForWidth(160)
    assert long.heightForWidth(400) == short.heightForWidth(400)


def test_title_term_badge_and_sentence_are_spoken():
    card = ChoiceCard("LoRA", "Low-rank adapter", "Small and quick.", "Recommended")
    assert card.accessibleName() == "LoRA (Low-rank adapter)"
    assert card.accessibleDescription() == "Recommended Small and quick."


def test_a_chosen_card_has_an_accent_edge_and_a_blocked_one_the_pages_ground():
    card = ChoiceCard("LoRA", "Low-rank adapter", "Small.")
    card.resize(200, 110)
    card.setChecked(True)
    image = card.grab().toImage()
    assert image.pixelColor(100, 0).name() == theme.LIGHT.accent
    card.setChecked(False)
    card.set_blocked("No room.")
    assert card.grab().toImage().pixelColor(100, 100).name() == theme.LIGHT.background
