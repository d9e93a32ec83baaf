import ast

import pytest

from tests.rules.source_tree import files, place, python_files

LONGEST_FILE = 400
LONGEST_FUNCTION = 60
NAMES_WITHOUT_A_SUBJECT = {"util", "utils", "helper", "helpers", "common", "manager", "managers", "misc"}


@pytest.mark.parametrize("path", python_files(), ids=place)
def test_files_and_functions_stay_readable(path):
    text = path.read_text(encoding="utf-8")
    lengths = {path.name: len(text.splitlines())}
    assert lengths[path.name] <= LONGEST_FILE
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lengths[node.name] = node.end_lineno - node.lineno + 1
            assert lengths[node.name] <= LONGEST_FUNCTION, f"{place(path, node.lineno)} {node.name}"


@pytest.mark.parametrize(
    "path", [path for path in python_files() if not path.name.startswith("test_")], ids=place
)
def test_every_module_says_what_lives_in_it(path):
    said = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert said
    assert said.split("\n\n")[0].rstrip()[-1] in ".:"


def test_every_name_says_its_subject():
    wrong = [
        place(path) for path in files() if NAMES_WITHOUT_A_SUBJECT & {*path.parts[-4:-1], path.stem.lower()}
    ]
    assert wrong == []
