"""What others made carries their licence, beside it."""

from tests.rules.source_tree import ROOT


def test_the_fonts_carry_their_licence():
    text = (ROOT / "resources" / "fonts" / "Inter-LICENSE.txt").read_text(encoding="utf-8")
    fonts = list((ROOT / "resources" / "fonts").glob("*.ttf"))
    assert "SIL OPEN FONT LICENSE Version 1.1" in text
    assert fonts
    assert all(font.name.startswith("Inter-") for font in fonts)


def test_the_icons_carry_their_licence():
    folder = ROOT / "resources" / "icons" / "lucide"
    text = (folder / "LICENSE").read_text(encoding="utf-8")
    assert "ISC License" in text
    assert "Lucide" in text
    assert {path.suffix for path in folder.iterdir()} == {".svg", ""}


def test_the_project_carries_its_own():
    text = (ROOT / "LICENSE").read_text(encoding="utf-8")
    assert "Apache License" in text
    assert "Version 2.0" in text
