"""What no file may say, and what the window may only say in a language that can be changed."""

import ast
import re

import pytest

from tests.rules.source_tree import ROOT, place, python_files, text_files

UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b|raise NotImplemented" r"Error")
PROMISES = re.compile(r"coming " r"soon|not (yet )?" r"implemented|lorem " r"ipsum", re.IGNORECASE)
PLACES = re.compile(
    r"(?<![\w.])/(work|farm|root|tmp/brief)/|(?<![\w.\-/])\.\./?shared/|\bshared/[A-Z]|\.library/"
)
REGISTRIES = re.compile(r"pypi\." r"org|pythonhosted\." r"org|/simple\b.*https?:|index-url\s*=?\s*https?:")


def lines_with(pattern):
    this = ROOT / "tests" / "rules" / "test_words.py"
    return [
        f"{place(path, number)} {line.strip()[:80]}"
        for path in text_files()
        if path != this
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


@pytest.mark.parametrize(
    "pattern",
    [UNFINISHED, PROMISES, PLACES, REGISTRIES],
    ids=["unfinished", "promises", "places", "registries"],
)
def test_no_file_holds_what_must_not_be_there(pattern):
    assert lines_with(pattern) == []


@pytest.mark.parametrize(
    ("pattern", "line"),
    [
        (UNFINISHED, "# TODO later"),
        (PROMISES, "This is Coming soon."),
        (PLACES, 'open("/work/main/x")'),
        (REGISTRIES, "https://pypi.org/simple"),
    ],
)
def test_the_patterns_find_what_they_look_for(pattern, line):
    assert pattern.search(line)


SPEAKERS = {
    *("Label", "ElidedLabel", "Button", "IconButton", "Badge", "Notice", "EmptyState", "PageHeader"),
    *("ConfirmDialog", "SettingRow", "DropZone", "ChoiceCard", "Card", "SearchField", "Page"),
    *("setText", "setToolTip", "setAccessibleName", "setAccessibleDescription", "setPlaceholderText"),
    *("setWindowTitle", "setTitle", "set_title", "set_subtitle", "set_help", "set_blocked", "addAction"),
    *("show_notice", "getOpenFileName", "getSaveFileName", "getExistingDirectory", "getText", "getDouble"),
}
"""Calls whose texts a person reads."""

SAME_EVERYWHERE = {"Tunewright", "TOML (*.toml)", "JSON Lines (*.jsonl)", "F1"}
ROLES = re.compile(r"[a-z0-9_\-/.*]*")
"""Names of styles, icons, tones and settings: one lower-case word."""


def said_untranslated(tree):
    """(line, text) of every text of words that goes straight into a widget."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name == "__init__" and isinstance(node.func.value, ast.Call):  # super().__init__(...)
            name = "Page"
        if name in SPEAKERS:
            for value in (*node.args, *(keyword.value for keyword in node.keywords)):
                yield from ((node.lineno, text) for text in words_of(value))


def words_of(node):
    match node:
        case ast.Constant(value=str(text)) if not ROLES.fullmatch(text) and text not in SAME_EVERYWHERE:
            if re.search(r"[A-Za-z]{2}", text):
                yield text
        case ast.JoinedStr(values=values):
            parts = [value.value for value in values if isinstance(value, ast.Constant)]
            words = [part for part in parts if " " in part and part.strip() not in SAME_EVERYWHERE]
            if any(re.search(r"[A-Za-z]{3}", part) for part in words):
                yield ast.unparse(node)
        case ast.IfExp(body=body, orelse=orelse):
            yield from words_of(body)
            yield from words_of(orelse)
        case _:
            pass


@pytest.mark.parametrize("path", python_files("gui"), ids=place)
def test_what_the_window_says_can_be_translated(path):
    said = said_untranslated(ast.parse(path.read_text(encoding="utf-8")))
    assert [f"{line}: {text}" for line, text in said] == []


def test_a_plain_text_in_a_label_is_found():
    tree = ast.parse(
        'Label("Ready to go"); Label(self.tr("Ready to go")); button.setText(f"Step {n} of {m}")'
    )
    assert [text for _, text in said_untranslated(tree)] == ["Ready to go", "f'Step {n} of {m}'"]
