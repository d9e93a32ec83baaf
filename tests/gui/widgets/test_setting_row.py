from gui.widgets.buttons import Button
from gui.widgets.labels import Label
from gui.widgets.setting_row import SettingRow
from gui.widgets.switch import Switch


def test_one_editor_is_named_after_the_row():
    switch = Switch()
    row = SettingRow("Work offline", "Makes no network call at all.", switch)
    assert switch.accessibleName() == "Work offline"
    assert row.label.label.buddy() is switch


def test_several_buttons_keep_their_own_names_and_the_help_can_change():
    show, move = Button("Show"), Button("Move…")
    row = SettingRow("Models", "~/models", show, move)
    assert show.accessibleName() == ""
    row.set_help("~/models · 14.8 GB")
    assert "~/models · 14.8 GB" in [label.text() for label in row.findChildren(Label)]
