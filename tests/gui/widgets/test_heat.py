import pytest

from gui.widgets.heat import NARROWEST, SMALLEST, TALLEST, Heat, cells_in, named


def heat(rows, columns, **more):
    return Heat(("x",) * rows, ("x",) * columns, ((0.0,) * columns,) * rows, **more)


def test_few_cells_fill_the_room_and_show_numbers():
    cells = cells_in(heat(8, 8), 60, 20, (460, 340))
    assert (cells.width, cells.height) == (50, 40)
    assert cells.needed == (460, 340)
    assert cells.has_numbers
    assert (cells.gap, cells.row_gap) == (3, 3)


def test_a_few_rows_are_not_stretched_without_end():
    assert cells_in(heat(1, 2), 60, 20, (460, 520)).height == TALLEST


def test_many_layers_and_experts_scroll_at_a_size_that_can_be_seen():
    cells = cells_in(heat(48, 128), 60, 20, (460, 340))
    assert (cells.width, cells.height) == (NARROWEST, SMALLEST)
    assert cells.needed == (60 + 128 * NARROWEST, 20 + 48 * SMALLEST)
    assert not cells.has_numbers
    assert cells.gap == 1


def test_a_course_always_fits_across_and_its_steps_touch():
    cells = cells_in(heat(4, 120, is_time=True), 60, 20, (180, 180))
    assert (cells.width, cells.gap, cells.row_gap) == (1.0, 0, 2)


def test_a_place_is_found_where_it_was_scrolled_to():
    cells = cells_in(heat(48, 128), 60, 20, (460, 340), across=12, down=32)
    assert cells.at(61, 21) == (2, 2)
    assert (cells.x(2), cells.y(2)) == (60, 20)
    assert cells.at(59, 21) is None
    assert cells.at(61, 19) is None
    rows, columns = cells.in_view()
    assert (rows.start, rows.stop) == (2, 23)  # 320 pixels of 16 each, and the one that begins below
    assert (columns.start, columns.stop) == (2, 69)


def test_a_place_behind_the_last_cell_is_none():
    cells = cells_in(heat(1, 2), 60, 20, (460, 520))
    assert cells.at(459, 20 + TALLEST + 1) is None


@pytest.mark.parametrize(
    ("cell", "widest", "places"), [(50, 20, [0, 1, 2, 3]), (10, 20, [0, 2]), (3, 20, [0])]
)
def test_names_stand_where_they_have_room(cell, widest, places):
    assert list(named(4, cell, widest)) == places
