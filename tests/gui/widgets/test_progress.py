import pytest

from gui import theme
from gui.widgets.progress import Progress


def _colour_at(bar, part):
    image = bar.grab().toImage()
    return image.pixelColor(int(part * (image.width() - 1)), image.height() // 2).name()


def test_the_done_part_is_accent_and_the_rest_is_track():
    bar = Progress()
    bar.resize(200, 8)
    bar.set_fraction(0.4)
    assert _colour_at(bar, 0.35) == theme.LIGHT.accent
    assert _colour_at(bar, 0.45) == theme.LIGHT.track


@pytest.mark.parametrize(("given", "shown"), [(-1.0, 0.0), (0.25, 0.25), (7.0, 1.0)])
def test_fractions_are_cut_to_the_bar(given, shown):
    bar = Progress(name="Memory")
    bar.set_fraction(given)
    assert bar.fraction() == shown
    assert bar.accessibleName() == f"Memory {shown:.0%}"


def test_a_failed_run_is_red():
    bar = Progress()
    bar.resize(200, 8)
    bar.set_fraction(0.5)
    bar.set_tone("bad")
    assert _colour_at(bar, 0.2) == theme.LIGHT.bad


def test_the_timer_runs_only_while_it_is_busy_and_seen():
    bar = Progress()
    bar.set_busy(True)
    assert not bar._timer.isActive()
    bar.show()
    assert bar._timer.isActive()
    bar.hide()
    assert not bar._timer.isActive()
    bar.show()
    bar.set_busy(False)
    assert not bar._timer.isActive()
