"""The project's own files, and what each module imports: by statement, inside functions, for types, or by text."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CODE_FOLDERS = ("engine", "gui", "resources", "packaging", "benchmarks", "tests")
LOOSE_FILES = (
    "run.py",
    "pyproject.toml",
    ".ci/run",
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
)
MADE = {"__pycache__", "build", "dist"}
PACKAGES = ("engine", "gui", "resources")
TEXT_ENDINGS = [
    ".py",
    ".md",
    ".toml",
    ".txt",
    ".json",
    ".jsonl",
    ".jinja",
    ".svg",
    ".xml",
    ".desktop",
    ".spec",
    ".sh",
    ".ts",
    ".yml",
    ".yaml",
    ".cfg",
    ".ini",
    ".html",
    ".css",
]


@dataclass(frozen=True)
class Import:
    """`target` as imported by `module`. Lazy: inside a function or for types only. Named: a text "package.module"."""

    module: str
    target: str
    line: int
    is_lazy: bool = False
    is_named: bool = False

    @property
    def is_project(self) -> bool:
        """Whether the target is one of the project's own modules."""
        return self.target.split(".")[0] in PACKAGES

    def __str__(self) -> str:
        return (
            f"{module_path(self.module)}:{self.line} {'names' if self.is_named else 'imports'} {self.target}"
        )


@cache
def files() -> list[Path]:
    """Every file that people or machines wrote for the project, without what a build or a run leaves behind."""
    found = [ROOT / name for name in LOOSE_FILES if (ROOT / name).exists()]
    for folder in CODE_FOLDERS:
        found += [path for path in sorted((ROOT / folder).rglob("*")) if path.is_file()]
    return [path for path in found if not MADE & set(path.parts)]


def python_files(*folders: str) -> list[Path]:
    """The Python files below these folders, or all of them."""
    return [
        path
        for path in files()
        if path.suffix == ".py" and (not folders or path.relative_to(ROOT).parts[0] in folders)
    ]


def text_files() -> list[Path]:
    """Every file that holds words."""
    return [path for path in files() if path.suffix in TEXT_ENDINGS or path.name == "run"]


def place(path: Path, line: int = 0) -> str:
    """How a fault is shown."""
    return f"{path.relative_to(ROOT).as_posix()}:{line}" if line else path.relative_to(ROOT).as_posix()


@cache
def modules() -> dict[str, Path]:
    """The importable modules of the project by their names."""
    return {module_name(path): path for path in python_files(*PACKAGES)}


def module_name(path: Path) -> str:
    """`engine/job/job.py` -> `engine.job.job`; a package is its `__init__.py`."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def module_path(module: str) -> str:
    """The file of a module, relative to the project."""
    return place(modules()[module])


@cache
def imports() -> list[Import]:
    """Every import of every module."""
    return [found for module, path in modules().items() for found in imports_of(module, path)]


def imports_of(module: str, path: Path) -> list[Import]:
    """The imports of one module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [*_statements(module, path, tree, is_lazy=False), *_texts(module, tree)]


def _statements(module: str, path: Path, tree: ast.AST, is_lazy: bool) -> Iterator[Import]:
    for node in ast.iter_child_nodes(tree):
        match node:
            case ast.Import(names=names):
                yield from (Import(module, name.name, node.lineno, is_lazy) for name in names)
            case ast.ImportFrom(names=names):
                base = _absolute(module, path, node)
                yield from (Import(module, _deepest(base, name.name), node.lineno, is_lazy) for name in names)
            case ast.FunctionDef() | ast.AsyncFunctionDef() | ast.Lambda():
                yield from _statements(module, path, node, is_lazy=True)
            case ast.If(test=ast.Name(id="TYPE_CHECKING")):
                yield from _statements(module, path, node, is_lazy=True)
            case _:
                yield from _statements(module, path, node, is_lazy)


def _absolute(module: str, path: Path, node: ast.ImportFrom) -> str:
    if not node.level:
        return node.module or ""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    return ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])


def _deepest(base: str, name: str) -> str:
    """`from gui import theme` is the module `gui.theme`, `from PySide6 import QtCore` is `PySide6.QtCore`."""
    is_module = f"{base}.{name}" in modules() or base == "PySide6"
    return f"{base}.{name}" if is_module else base


_DOTTED = re.compile(r"[a-z_]+(\.[a-z_0-9]+)+(:\w+)?")


def _texts(module: str, tree: ast.AST) -> Iterator[Import]:
    """Modules named by text: `code` of the cards, and what `import_module` is given."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _is_import_call(node.func) and node.args:
            text = node.args[0]
            if isinstance(text, ast.Constant) and isinstance(text.value, str):
                yield Import(module, text.value, node.lineno, is_lazy=True, is_named=True)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            target = node.value.partition(":")[0]
            if _DOTTED.fullmatch(node.value) and target in modules():
                yield Import(module, target, node.lineno, is_lazy=True, is_named=True)


def _is_import_call(function: ast.expr) -> bool:
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    return name in ("import_module", "__import__")


def is_standard(target: str) -> bool:
    """Whether Python brings the module itself."""
    return target.split(".", maxsplit=1)[0] in sys.stdlib_module_names
